package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func aimdPool(t *testing.T) *testPool {
	return newPool(t, Config{
		Limit:   LimitConfig{Mode: AIMD, Initial: 10, Min: 2, Max: 20},
		Classes: []Class{{Name: "a", Weight: 1}},
	})
}

// use takes seats and gives them back with a signal each.
func (p *testPool) use(seats int, o Outcome) {
	p.t.Helper()
	ts := make([]Ticket, seats)
	for i := range ts {
		ts[i] = p.submit(0, "a")
	}
	for _, tk := range ts {
		p.submit(0, "a") // a queue keeps the seats in use
		tk.Release(o)
	}
}

func TestAIMDCutsOncePerRoundTrip(t *testing.T) {
	p := aimdPool(t)
	ts := []Ticket{p.submit(0, "a"), p.submit(0, "a"), p.submit(0, "a")}
	p.now = p.now.Add(time.Second)
	ts[0].Release(Outcome{Signal: SignalOverload})
	assert.Equal(t, 8, p.Stats().Limit)
	p.now = p.now.Add(10 * time.Second)
	ts[1].Release(Outcome{Signal: SignalOverload})
	assert.Equal(t, 8, p.Stats().Limit, "it was dispatched before the cut")
	fresh := p.submit(0, "a")
	fresh.Release(Outcome{Signal: SignalOverload})
	assert.Equal(t, 6, p.Stats().Limit)
	p.submit(0, "a").Release(Outcome{Signal: SignalOverload})
	assert.Equal(t, 6, p.Stats().Limit, "two cuts within a second")
	for range 20 {
		p.now = p.now.Add(time.Second)
		p.submit(0, "a").Release(Outcome{Signal: SignalOverload})
	}
	assert.Equal(t, 2, p.Stats().Limit, "never below Min")
	ts[2].Release(Outcome{})
	assert.EqualValues(t, 5, p.Stats().LimitChanges)
}

func TestAIMDGrowsByOnePerLimitOfSuccesses(t *testing.T) {
	p := aimdPool(t)
	for range 50 {
		p.submit(0, "a").Release(Outcome{Signal: SignalOK})
	}
	assert.Equal(t, 10, p.Stats().Limit, "no growth while seats idle")
	var ts []Ticket
	for range 10 {
		ts = append(ts, p.submit(0, "a"))
	}
	turn := func() {
		ts[0].Release(Outcome{Signal: SignalOK})
		ts = append(ts[1:], p.submit(0, "a"))
	}
	for range 9 {
		turn()
	}
	assert.Equal(t, 10, p.Stats().Limit)
	turn()
	assert.Equal(t, 11, p.Stats().Limit)

	ts[0].Release(Outcome{Signal: SignalOverload, RetryAfter: time.Minute})
	ts = append(ts[1:], p.submit(0, "a"))
	assert.Equal(t, 8, p.Stats().Limit)
	for range 100 {
		turn()
	}
	assert.Equal(t, 8, p.Stats().Limit, "frozen by Retry-After")
	p.now = p.now.Add(time.Minute)
	for range 8 {
		turn()
	}
	assert.Equal(t, 9, p.Stats().Limit)
	for range 1000 {
		turn()
		ts = append(ts, p.submit(0, "a"))
	}
	assert.Equal(t, 20, p.Stats().Limit, "never above Max")
}

func TestFixedLimitIgnoresSignals(t *testing.T) {
	p := newPool(t, twoClasses(3))
	p.use(3, Outcome{Signal: SignalOverload, RetryAfter: time.Minute})
	assert.Equal(t, 3, p.Stats().Limit)
}
