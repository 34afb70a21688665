package scheduler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dispatches is the length of a fairness run; the thresholds are for as many.
const dispatches = 50_000

var simWeights = []float64{40, 30, 20, 10}

// worstShare returns the largest relative error against the weights.
func worstShare(shares []float64) float64 {
	worst := 0.0
	for i, s := range shares {
		want := simWeights[i] / 100
		worst = max(worst, math.Abs(s-want)/want)
	}
	return worst
}

func TestInvariant05WeightedShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		cost, batch func(*rand.Rand) (int64, int64)
		seats       int
		most        float64
	}{
		{"exact", exactCost, exactCost, 64, 0.005},
		{"exact", exactCost, exactCost, 256, 0.005},
		{"constant", constantCost, constantCost, 64, 0.01},
		{"under-estimated", exactCost, underCost, 64, 0.02},
		{"larger", constantCost, bigCost, 64, 0.02},
		{"larger and learned", learnedCost, bigLearnedCost, 64, 0.02},
		{"larger and known", exactCost, bigExactCost, 256, 0.02},
	} {
		t.Run(fmt.Sprintf("%s/D=%d", c.name, c.seats), func(t *testing.T) {
			w := newSim(t, 5, simConfig(c.seats), backlogged(c.cost, c.batch)...)
			shares := w.shares(100*c.seats, dispatches)
			worst := worstShare(shares)
			t.Logf("error %.3f %%: %.4f, forgiven %d", worst*100, shares, w.s.forgiven)
			assert.LessOrEqual(t, worst, c.most)
		})
	}
}

// Without the correction at release the same load must go badly wrong, else
// the test above would show nothing.
func TestInvariant05NegativeControl(t *testing.T) {
	t.Parallel()
	w := newSim(t, 5, simConfig(64), backlogged(exactCost, underCost)...)
	w.settle = false
	worst := worstShare(w.shares(3000, dispatches/2))
	t.Logf("error %.0f %%", worst*100)
	assert.Greater(t, worst, 1.0)
}

// A class that asks for less than its share gets it all, and the rest is
// divided by weight: the oracle knows how.
func TestInvariant05UnusedShareIsDivided(t *testing.T) {
	t.Parallel()
	loads := backlogged(exactCost, exactCost)
	cfg := simConfig(64)
	cfg.Classes[0].MaxSeats = SeatCap{Seats: 10}
	w := newSim(t, 55, cfg, loads...)
	got := w.shares(3000, dispatches)
	want := maxMin(1, []float64{10.0 / 64, 9, 9, 9}, simWeights)
	for i := range got {
		assert.InEpsilon(t, want[i], got[i], 0.01, "class %d: %v, fair %v", i, got, want)
	}
}

// The SFQ(D) bound: in any window the difference of normalised service is at
// most what is on the seats.
func TestInvariant06PairwiseBound(t *testing.T) {
	t.Parallel()
	const seats = 64
	for _, warp := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprintf("warp=%s", warp), func(t *testing.T) {
			cfg := simConfig(seats)
			cfg.MaxCost = simMaxCost
			cfg.Classes[0].Warp = warp
			w := newSim(t, 6, cfg, backlogged(exactCost, exactCost)...)
			var served [4]float64
			var spread [4][4][2]float64
			w.run(1000)
			w.started = func(j job) {
				served[j.load.class] += float64(j.real)
				for f := range 4 {
					for g := range f {
						x := served[f]/simWeights[f] - served[g]/simWeights[g]
						spread[f][g][0] = min(spread[f][g][0], x)
						spread[f][g][1] = max(spread[f][g][1], x)
					}
				}
			}
			w.run(dispatches / 2)
			for f := range 4 {
				for g := range f {
					warps := float64(w.s.classes[f].warp+w.s.classes[g].warp) / tagScale
					bound := (seats+1)*(simMaxCost/simWeights[f]+simMaxCost/simWeights[g]) + warps
					assert.LessOrEqual(t, spread[f][g][1]-spread[f][g][0], bound, "classes %d and %d", f, g)
				}
			}
		})
	}
}

func TestInvariant07FlowShare(t *testing.T) {
	t.Parallel()
	w := newSim(t, 7, Config{
		Limit: LimitConfig{Initial: 64}, MaxCost: simMaxCost,
		Classes: []Class{{Name: "only", Weight: 1}},
	}, flowsOf(0, 20, constantCost)...)
	w.run(25_000)
	low, high := math.Inf(1), 0.0
	for _, l := range w.loads {
		require.GreaterOrEqual(t, l.count, 1000)
		low, high = min(low, l.served), max(high, l.served)
	}
	t.Logf("max/min %.4f", high/low)
	assert.LessOrEqual(t, high/low, 1.10)
}

// A class of weight 1 among heavy ones is served again and again, with at most
// the bound in between.
func TestInvariant08Starvation(t *testing.T) {
	t.Parallel()
	const seats = 16
	cfg := Config{
		Limit: LimitConfig{Initial: seats}, MaxCost: simMaxCost,
		Classes: []Class{
			{Name: "vip", Weight: 100, Warp: 2 * time.Second},
			{Name: "realtime", Weight: 50},
			{Name: "batch", Weight: 1},
		},
	}
	var loads []*load
	for class := range 3 {
		loads = append(loads, flowsOf(class, 3, underCost)...)
	}
	w := newSim(t, 8, cfg, loads...)
	w.run(1)
	bound := float64(seats) * simMaxCost // each estimate on a seat may be wrong by it
	least := w.s.classes[2]
	for _, o := range w.s.classes[:2] {
		bound += float64(o.weight)*float64(least.debtMax+o.warp)/tagScale + simMaxCost
	}
	others, worst, seen := 0.0, 0.0, 0
	w.started = func(j job) {
		if j.load.class == 2 {
			worst, others = max(worst, others), 0
			seen++
			return
		}
		others += float64(j.real)
	}
	w.run(dispatches / 2)
	t.Logf("%d dispatches of the least class, at most %.3g of %.3g in between", seen, worst, bound)
	assert.LessOrEqual(t, max(worst, others), bound)
	assert.Greater(t, seen, 100)
}

// With the headroom rule of the specification as it was written, a busy vip
// class would shut batch out for ever as soon as realtime is idle: only batch
// would have to spare the seat of realtime, and vip would take it each time.
func TestInvariant08HeadroomOfAnIdleClassStarvesNobody(t *testing.T) {
	t.Parallel()
	cfg := simConfig(64)
	cfg.Classes[1].Headroom = 1
	w := newSim(t, 88, cfg, append(flowsOf(0, 3, exactCost), flowsOf(3, 3, exactCost)...)...)
	shares := w.shares(2000, dispatches/2)
	assert.InEpsilon(t, 0.2, shares[3], 0.01)
}

// A class that comes back after a long time gets no more than its share and
// what may be on the seats.
func TestInvariant09NoCreditForIdling(t *testing.T) {
	t.Parallel()
	const seats = 64
	for _, flows := range []bool{false, true} {
		t.Run(fmt.Sprintf("flow=%t", flows), func(t *testing.T) {
			loads := backlogged(exactCost, exactCost)
			weight, sum := 40.0, 100.0
			back := loads[:3] // the vip class
			if flows {
				back, weight, sum = loads[:1], 40.0/3, 100
			}
			cfg := simConfig(seats)
			cfg.MaxCost = simMaxCost
			w := newSim(t, 9, cfg, loads...)
			w.run(500)
			for _, l := range back {
				l.silent = true
			}
			w.run(20_000)
			for _, l := range back {
				l.silent = false
			}
			mine, all := 0.0, 0.0
			w.started = func(j job) {
				all += float64(j.real)
				for _, l := range back {
					if l == j.load {
						mine += float64(j.real)
					}
				}
				if mine-all*weight/sum > (seats+1.0)*simMaxCost {
					require.Failf(t, "too much after idling", "%g of %g", mine, all)
				}
			}
			w.run(3000)
			assert.InEpsilon(t, weight/sum, mine/all, 0.15)
		})
	}
}

func TestInvariant16Wrap(t *testing.T) {
	t.Parallel()
	w := newSim(t, 16, simConfig(64), backlogged(constantCost, underCost)...)
	const origin = math.MaxInt64 - 1<<20
	w.s.v = origin
	for _, c := range w.s.classes {
		c.start, c.v = origin, origin
	}
	w.s.seq = math.MaxUint64 - 1000
	last := map[*load]uint64{}
	w.started = func(j job) {
		if seq, seen := last[j.load]; seen {
			if int64(j.t.n.seq-seq) <= 0 {
				require.Fail(t, "a flow overtook itself")
			}
		}
		last[j.load] = j.t.n.seq
		for _, c := range w.s.classes {
			if c.start-w.s.v > c.debtMax+w.s.cfg.MaxCost*tagScale/c.weight+1 {
				require.Failf(t, "too much debt", "class %s", c.cfg.Name)
			}
		}
	}
	shares := w.shares(3000, dispatches)
	require.Negative(t, w.s.v, "virtual time has wrapped")
	require.Negative(t, w.s.classes[0].v)
	assert.LessOrEqual(t, worstShare(shares), 0.02)
}

func TestInvariant18ShareAfterReconfiguration(t *testing.T) {
	t.Parallel()
	cfg := simConfig(64)
	for i := range cfg.Classes {
		cfg.Classes[i].Weight = 25
	}
	w := newSim(t, 18, cfg, backlogged(exactCost, exactCost)...)
	w.run(10_000)
	require.NoError(t, w.s.Reconfigure(simConfig(64)))
	assert.LessOrEqual(t, worstShare(w.shares(0, dispatches)), 0.01)
}

func TestInvariant19Headroom(t *testing.T) {
	t.Parallel()
	cfg := simConfig(64)
	cfg.Classes[0].Headroom = 3
	t.Run("idle", func(t *testing.T) {
		w := newSim(t, 19, cfg, backlogged(exactCost, exactCost)[3:]...)
		w.started = func(job) { require.LessOrEqual(t, w.s.used, 61) }
		w.run(5000)
	})
	t.Run("over its share", func(t *testing.T) {
		w := newSim(t, 19, cfg, backlogged(exactCost, exactCost)...)
		assert.LessOrEqual(t, worstShare(w.shares(3000, dispatches)), 0.01)
	})
}
