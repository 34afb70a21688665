package scheduler

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// chaosOps is the number of operations of one random run.
func chaosOps(t *testing.T) int {
	if testing.Short() {
		return 20_000
	}
	return 60_000
}

// runChaos runs two seeds, one of them with many flow names in a small table.
func runChaos(t *testing.T, seed uint64, checks func(*chaos)) {
	for i, flows := range []int{1000, 20} {
		t.Run(fmt.Sprintf("flows=%d", flows), func(t *testing.T) {
			cfg := chaosConfig()
			cfg.Queue.MaxFlows = flows
			c := newChaos(t, seed*10+uint64(i), cfg)
			c.run(chaosOps(t)/2, checks)
			require.Positive(t, c.dispatched)
			c.finish()
		})
	}
}

// finish lets everything end and checks that nothing is left.
func (c *chaos) finish() {
	for _, k := range c.s.cfg.Classes {
		require.NoError(c.t, c.s.Resume(k.Name))
	}
	c.s.SetLimit(8)
	for c.reap(); len(c.running) > 0; c.reap() {
		c.release()
	}
	require.Empty(c.t, c.queued)
	require.Zero(c.t, c.s.used)
	require.Zero(c.t, c.s.n)
	require.Zero(c.t, c.s.bytes)
	require.Zero(c.t, c.s.active)
	require.Zero(c.t, c.s.wheel.armed)
}

func TestInvariant01Conservation(t *testing.T) {
	t.Parallel()
	runChaos(t, 1, checkConservation)
}

func TestInvariant02Seats(t *testing.T) {
	t.Parallel()
	runChaos(t, 2, checkSeats)
}

// The check is part of every random run's reap.
func TestInvariant03FIFOInsideAFlow(t *testing.T) {
	t.Parallel()
	runChaos(t, 3, nil)
}

func TestInvariant04WorkConservation(t *testing.T) {
	t.Parallel()
	runChaos(t, 4, checkWork)
}

func TestInvariant10Debt(t *testing.T) {
	t.Parallel()
	runChaos(t, 10, checkDebt)
}

func TestInvariant11Deadline(t *testing.T) {
	t.Parallel()
	runChaos(t, 11, checkExpiry)
}

// The checks are part of every random run's submit.
func TestInvariant13Displacement(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{13, 113} {
		cfg := chaosConfig()
		cfg.Queue = QueueConfig{MaxRequests: 24, MaxBytes: 12_000, MaxFlows: 1000}
		cfg.Classes[1].QueueLimit = 6
		c := newChaos(t, seed, cfg)
		c.run(chaosOps(t)/2, func(c *chaos) {
			require.LessOrEqual(c.t, c.s.n, c.s.cfg.Queue.MaxRequests)
			require.LessOrEqual(c.t, c.s.bytes, c.s.cfg.Queue.MaxBytes)
		})
		assert.Positive(t, c.ended[ReasonDisplaced])
		assert.Positive(t, c.ended[ReasonQueueFull])
		assert.Positive(t, c.ended[ReasonBytes])
		assert.Positive(t, c.ended[ReasonExpired])
	}
}

func TestInvariant14IsolationAtAdmission(t *testing.T) {
	t.Parallel()
	c := newChaos(t, 14, chaosConfig())
	c.cfg.Queue.MaxFlows = 1000
	require.NoError(t, c.s.Reconfigure(c.cfg))
	c.run(chaosOps(t), nil)
	assert.Positive(t, c.ended[ReasonPredictedWait])
}

func TestInvariant15Determinism(t *testing.T) {
	t.Parallel()
	cfg := chaosConfig()
	cfg.Queue.MaxFlows = 1000 // overflow flows depend on the scheduler's own seed
	traces := map[uint64]bool{}
	for range 2 {
		c := newChaos(t, 15, cfg)
		c.run(chaosOps(t)/4, nil)
		traces[c.trace] = true
	}
	assert.Len(t, traces, 1)
	c := newChaos(t, 16, cfg)
	c.run(chaosOps(t)/4, nil)
	assert.False(t, traces[c.trace], "another seed gave the same sequence")
}

func TestInvariant17LimitZeroAndRecovery(t *testing.T) {
	t.Parallel()
	c := newChaos(t, 17, chaosConfig())
	c.cfg.Limit = LimitConfig{Initial: 4}
	c.cfg.Classes[1].QueueLimit = 0
	for i := range c.cfg.Classes {
		c.cfg.Classes[i].MaxWait, c.cfg.Classes[i].MaxSeats, c.cfg.Classes[i].Headroom = 0, SeatCap{}, 0
	}
	require.NoError(t, c.s.Reconfigure(c.cfg))
	c.s.SetLimit(0)
	var ts []Ticket
	for i := range 60 {
		tk, err := c.s.Submit(Request{Class: i % 4, Flow: "f"})
		require.NoError(t, err)
		require.False(t, tk.Granted())
		ts = append(ts, tk)
	}
	c.s.SetLimit(60)
	for _, tk := range ts {
		require.True(t, tk.Granted())
		require.NoError(t, tk.Wait())
	}
	c.s.SetLimit(1)
	tk, err := c.s.Submit(Request{Class: 0})
	require.NoError(t, err)
	for i, running := range ts {
		require.False(t, tk.Granted(), "after %d releases", i)
		running.Release(Outcome{})
	}
	require.True(t, tk.Granted())
}

// Reconfigurations are part of every random run; here all checks run at once,
// on configurations nobody has thought of.
func TestInvariant18AnyConfiguration(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{
			Limit:   LimitConfig{Mode: LimitMode(rapid.IntRange(0, 1).Draw(rt, "mode")), Initial: rapid.IntRange(0, 20).Draw(rt, "limit"), Max: 20},
			Queue:   QueueConfig{MaxRequests: rapid.IntRange(1, 80).Draw(rt, "queue"), MaxFlows: rapid.SampledFrom([]int{1, 5, 1000}).Draw(rt, "flows")},
			MaxCost: rapid.Int64Range(1, 1e7).Draw(rt, "maxcost"), AllowLargeHeadroom: true,
		}
		for i := range rapid.IntRange(1, 6).Draw(rt, "classes") {
			cfg.Classes = append(cfg.Classes, Class{
				Name:       fmt.Sprint("c", i),
				Weight:     rapid.IntRange(1, 1000).Draw(rt, "weight"),
				Warp:       time.Duration(rapid.IntRange(0, 5).Draw(rt, "warp")) * time.Second,
				MaxSeats:   SeatCap{Percent: rapid.SampledFrom([]int{0, 1, 50, 100}).Draw(rt, "cap")},
				QueueLimit: rapid.SampledFrom([]int{0, 3}).Draw(rt, "classlimit"),
				MaxWait:    time.Duration(rapid.IntRange(0, 1).Draw(rt, "wait")) * 300 * time.Millisecond,
			})
		}
		if cfg.Limit.Initial > 3 {
			cfg.Classes[0].Headroom = rapid.IntRange(0, 2).Draw(rt, "headroom")
		}
		c := newChaos(t, rapid.Uint64().Draw(rt, "seed"), cfg)
		c.t = chaosTB{t, rt}
		c.run(600, func(c *chaos) {
			checkConservation(c)
			checkSeats(c)
			checkWork(c)
			checkDebt(c)
			checkExpiry(c)
			checkStructure(c)
		})
	})
}

// chaosTB fails through rapid, so that it can look for a smaller example.
type chaosTB struct {
	testing.TB
	rt *rapid.T
}

func (c chaosTB) Errorf(format string, args ...any) { c.rt.Errorf(format, args...) }
func (c chaosTB) FailNow()                          { c.rt.FailNow() }
