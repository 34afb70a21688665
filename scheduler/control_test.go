package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testPool is a scheduler on a fake clock for tests of single rules.
type testPool struct {
	*Scheduler
	t   *testing.T
	now time.Time
}

func newPool(t *testing.T, cfg Config) *testPool {
	p := &testPool{t: t, now: time.Unix(5000, 0)}
	s, err := New(cfg, Options{Clock: func() time.Time { return p.now }, ManualSweep: true})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	p.Scheduler = s
	return p
}

func (p *testPool) submit(class int, flow string) Ticket {
	p.t.Helper()
	tk, err := p.Submit(Request{Class: class, Flow: flow})
	require.NoError(p.t, err)
	return tk
}

func (p *testPool) class(name string) ClassStats {
	for _, c := range p.Stats().Classes {
		if c.Name == name {
			return c
		}
	}
	return ClassStats{}
}

func twoClasses(seats int) Config {
	return Config{
		Name: "p", Limit: LimitConfig{Initial: seats},
		Classes: []Class{{Name: "vip", Weight: 3}, {Name: "batch", Weight: 1}},
	}
}

func TestPauseAndResume(t *testing.T) {
	p := newPool(t, twoClasses(2))
	require.NoError(t, p.Pause("vip"))
	vip := p.submit(0, "a")
	batch := p.submit(1, "b")
	assert.False(t, vip.Granted())
	assert.True(t, batch.Granted(), "others pass a paused class")
	assert.True(t, p.class("vip").Paused)
	require.NoError(t, p.Resume("vip"))
	assert.True(t, vip.Granted())
	assert.ErrorIs(t, p.Pause("none"), ErrNoClass)
	assert.ErrorIs(t, p.Resume("none"), ErrNoClass)
	assert.ErrorIs(t, p.Drain("none"), ErrNoClass)
}

func TestDrain(t *testing.T) {
	p := newPool(t, twoClasses(1))
	running, waiting := p.submit(0, "a"), p.submit(0, "a")
	require.NoError(t, p.Drain("vip"))
	_, err := p.Submit(Request{Class: 0})
	require.ErrorIs(t, err, ErrDraining)
	running.Release(Outcome{})
	assert.True(t, waiting.Granted())
	require.NoError(t, p.Resume("vip"))
	last := p.submit(0, "a")
	p.DrainAll()
	_, err = p.Submit(Request{Class: 1})
	require.ErrorIs(t, err, ErrDraining)
	waiting.Release(Outcome{})
	assert.True(t, last.Granted())
}

func TestReconfigureRemovesAndReturnsAClass(t *testing.T) {
	p := newPool(t, twoClasses(1))
	running, waiting := p.submit(1, "a"), p.submit(1, "a")
	cfg := twoClasses(1)
	cfg.Classes = cfg.Classes[:1]
	require.NoError(t, p.Reconfigure(cfg))
	_, err := p.Submit(Request{Class: 1})
	require.ErrorIs(t, err, ErrNoClass)
	assert.True(t, p.class("batch").Retired)
	running.Release(Outcome{})
	assert.True(t, waiting.Granted(), "a removed class is served to its end")
	require.NoError(t, p.Reconfigure(twoClasses(1)))
	assert.False(t, p.class("batch").Retired)
	assert.EqualValues(t, 2, p.class("batch").Dispatched, "counters go on")
	require.NoError(t, p.Reconfigure(cfg))
	waiting.Release(Outcome{})
	assert.Len(t, p.Stats().Classes, 1)

	bad := twoClasses(5)
	bad.Classes[0].Weight = 0
	require.ErrorContains(t, p.Reconfigure(bad), `class "vip": weight is 0, must be 1 to 1000`)
	assert.Equal(t, 1, p.Stats().Limit, "a bad configuration changes nothing")
}

func TestReconfigureKeepsASetLimit(t *testing.T) {
	p := newPool(t, twoClasses(4))
	p.SetLimit(9)
	cfg := twoClasses(4)
	cfg.Classes[0].Weight = 7
	require.NoError(t, p.Reconfigure(cfg))
	assert.Equal(t, 9, p.Stats().Limit)
	require.NoError(t, p.Reconfigure(twoClasses(5)))
	assert.Equal(t, 5, p.Stats().Limit)
}

func TestStaleTicketsDoNothing(t *testing.T) {
	p := newPool(t, twoClasses(1))
	for _, tk := range []Ticket{{}, func() Ticket { tk := p.submit(0, "a"); tk.Release(Outcome{}); return tk }()} {
		assert.False(t, tk.Granted())
		assert.ErrorIs(t, tk.Wait(), ErrStale)
		assert.False(t, tk.Cancel(nil))
		assert.False(t, tk.Promote(0))
		assert.Zero(t, tk.Waited())
		assert.Zero(t, tk.Position())
		tk.Charge(5)
		tk.Release(Outcome{Cost: 5})
	}
	now := p.submit(0, "a") // the same node again
	assert.True(t, now.Granted())
	assert.Equal(t, 1, p.Stats().Used)
}

func TestPredictedWait(t *testing.T) {
	cfg := twoClasses(1)
	cfg.Classes[0].MaxWait = 2 * time.Second
	p := newPool(t, cfg)
	running := p.submit(0, "a")
	for range 40 { // ten dispatches per second
		next := p.submit(0, "a")
		p.now = p.now.Add(100 * time.Millisecond)
		running.Release(Outcome{})
		require.True(t, next.Granted())
		running = next
	}
	var err error
	waiting := 0
	for ; err == nil; waiting++ {
		_, err = p.Submit(Request{Class: 0, Flow: "a"})
	}
	require.ErrorIs(t, err, ErrPredictedWait)
	assert.InDelta(t, 21, waiting, 2, "two seconds at ten per second")
	var rej *Rejection
	require.ErrorAs(t, err, &rej)
	assert.InDelta(t, 2, rej.PredictedWait.Seconds(), 0.2)
	assert.Equal(t, rej.PredictedWait, rej.RetryAfter)
	assert.Equal(t, waiting-1, rej.Position)
	other := p.submit(0, "b") // the first of its flow is always admitted
	assert.False(t, other.Granted())
	assert.Equal(t, 2, other.Position())
	assert.InDelta(t, 10, p.class("vip").DispatchRate, 0.5)
}

func TestWaitedAndOldest(t *testing.T) {
	p := newPool(t, twoClasses(1))
	running, waiting := p.submit(0, "a"), p.submit(1, "a")
	p.now = p.now.Add(time.Second)
	later := p.submit(0, "a")
	p.now = p.now.Add(time.Second)
	assert.Equal(t, 2*time.Second, waiting.Waited())
	assert.Equal(t, 2*time.Second, p.class("batch").OldestWait)
	assert.True(t, waiting.Promote(0))
	assert.Equal(t, 2*time.Second, p.class("vip").OldestWait)
	assert.False(t, waiting.Promote(0), "it is there already")
	assert.False(t, later.Promote(1), "batch is less important")
	assert.False(t, later.Promote(-1))
	running.Release(Outcome{})
	assert.True(t, later.Granted(), "the promoted one joined the flow last")
	assert.Equal(t, time.Second, later.Waited())
	later.Release(Outcome{})
	p.now = p.now.Add(time.Hour)
	assert.Equal(t, 2*time.Second, waiting.Waited())
}

func TestExpiredOnArrival(t *testing.T) {
	p := newPool(t, twoClasses(1))
	_, err := p.Submit(Request{Deadline: p.now})
	require.ErrorIs(t, err, ErrExpired)
	_, err = p.Submit(Request{Class: 2})
	require.ErrorIs(t, err, ErrNoClass)
	_, err = p.Submit(Request{Class: -1})
	require.ErrorIs(t, err, ErrNoClass)
}

func TestBytesDisplaceTheLessImportant(t *testing.T) {
	cfg := twoClasses(0)
	cfg.Queue.MaxBytes = 1000
	p := newPool(t, cfg)
	var batch []Ticket
	for range 10 {
		tk, err := p.Submit(Request{Class: 1, Flow: "b", Bytes: 100})
		require.NoError(t, err)
		batch = append(batch, tk)
	}
	_, err := p.Submit(Request{Class: 1, Flow: "c", Bytes: 1})
	require.ErrorIs(t, err, ErrBytes)
	_, err = p.Submit(Request{Class: 0, Bytes: 250})
	require.NoError(t, err)
	assert.EqualValues(t, 950, p.Stats().QueuedBytes)
	assert.ErrorIs(t, batch[9].Wait(), ErrDisplaced)
	_, err = p.Submit(Request{Class: 0, Bytes: 1001})
	require.ErrorIs(t, err, ErrBytes)
	_, err = p.Submit(Request{Class: 0, Bytes: 1 << 33})
	require.ErrorIs(t, err, ErrBytes)
	assert.Equal(t, 8, p.Stats().Queued)
}

func TestServedCostIsExactAndMonotone(t *testing.T) {
	p := newPool(t, twoClasses(1))
	tk := p.submit(0, "a")
	tk.Charge(70)
	tk.Charge(50) // less than before: nothing
	assert.EqualValues(t, 70, p.class("vip").ServedCost)
	tk.Release(Outcome{Cost: 100, Complete: true})
	assert.EqualValues(t, 100, p.class("vip").ServedCost)
	p.submit(0, "a").Release(Outcome{Cost: -1})
	assert.EqualValues(t, 200, p.class("vip").ServedCost, "the estimate is the flow's average")
	p.submit(0, "b").Release(Outcome{Cost: -1})
	assert.EqualValues(t, 300, p.class("vip").ServedCost, "or else the class's")
}

func TestDump(t *testing.T) {
	p := newPool(t, twoClasses(1))
	running := p.submit(0, "a")
	for range 5 {
		p.submit(0, "long")
	}
	p.submit(0, "short")
	d := p.Dump(1)
	require.Len(t, d.Tags, 2)
	require.Len(t, d.Tags[0].Longest, 1)
	assert.Equal(t, FlowDump{Key: "long", Queued: 5}, d.Tags[0].Longest[0])
	assert.Equal(t, 2, d.Tags[0].ActiveFlows)
	assert.Equal(t, d.Stats.Classes, p.Stats().Classes)
	running.Release(Outcome{Cost: 50})
	assert.EqualValues(t, 1, p.Dump(0).Tags[0].Lead, "virtual time follows the only class")
}

func TestRoundingLosesNoCost(t *testing.T) {
	c := newClass(Class{Weight: 997}, 1, 0)
	c.weight = 997
	total := int64(0)
	for i := range int64(100_000) {
		cost := i%13 - 2
		c.advance(cost)
		total += cost
	}
	assert.Equal(t, total*tagScale, c.start*c.weight+c.rem)
}
