package scheduler

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load is a closed source of requests: it keeps its flow backlogged, unless it
// is silent.
type load struct {
	class  int
	flow   string
	keep   int                                  // waiting requests it keeps up
	cost   func(r *rand.Rand) (est, real int64) // est 0: leave it to the scheduler
	silent bool

	waiting []job
	served  float64 // actual cost dispatched
	count   int
}

type job struct {
	t          Ticket
	est, real  int64
	load       *load
	finishedAt time.Time
}

// sim runs loads on a fake clock: a request holds its seat for its actual cost
// in microseconds.
type sim struct {
	t       testing.TB
	s       *Scheduler
	r       *rand.Rand
	now     time.Time
	loads   []*load
	running jobHeap
	total   int
	settle  bool // correct the cost at release
	started func(j job)
}

type jobHeap []job

func (h jobHeap) Len() int           { return len(h) }
func (h jobHeap) Less(i, j int) bool { return h[i].finishedAt.Before(h[j].finishedAt) }
func (h jobHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *jobHeap) Push(x any)        { *h = append(*h, x.(job)) }
func (h *jobHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	*h = old[:len(old)-1]
	return j
}

func newSim(t testing.TB, seed uint64, cfg Config, loads ...*load) *sim {
	w := &sim{t: t, r: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1000, 0), loads: loads, settle: true}
	s, err := New(cfg, Options{Clock: func() time.Time { return w.now }, ManualSweep: true})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	w.s = s
	return w
}

// run goes on until n more requests have been dispatched.
func (w *sim) run(n int) {
	for w.topUp(); n > 0; {
		before := w.total
		if len(w.running) > 0 {
			j := heap.Pop(&w.running).(job)
			w.now = j.finishedAt
			cost := j.real
			if !w.settle {
				cost = -1
			}
			j.t.Release(Outcome{Cost: cost, Complete: true})
		}
		w.topUp()
		require.True(w.t, w.total > before || len(w.running) > 0, "stuck")
		n -= w.total - before
	}
}

// topUp collects what has been granted and keeps the loads backlogged.
func (w *sim) topUp() {
	for again := true; again; {
		again = false
		for _, l := range w.loads {
			for len(l.waiting) > 0 && l.waiting[0].t.Granted() {
				w.start(l)
			}
			for !l.silent && len(l.waiting) < l.keep {
				w.submit(l)
				again = true
			}
		}
	}
}

func (w *sim) submit(l *load) {
	est, real := l.cost(w.r)
	t, err := w.s.Submit(Request{Class: l.class, Flow: l.flow, Cost: est})
	require.NoError(w.t, err)
	l.waiting = append(l.waiting, job{t: t, est: est, real: real, load: l})
}

func (w *sim) start(l *load) {
	j := l.waiting[0]
	l.waiting = l.waiting[1:]
	j.finishedAt = w.now.Add(time.Duration(j.real) * time.Microsecond)
	heap.Push(&w.running, j)
	l.served += float64(j.real)
	l.count++
	w.total++
	if w.started != nil {
		w.started(j)
	}
}

// classServed sums the served cost by class.
func (w *sim) classServed() []float64 {
	out := make([]float64, len(w.s.cfg.Classes))
	for _, l := range w.loads {
		out[l.class] += l.served
	}
	return out
}

// shares runs n dispatches after a warm-up and returns each class's part.
func (w *sim) shares(warm, n int) []float64 {
	w.run(warm)
	from := w.classServed()
	w.run(n)
	to := w.classServed()
	sum := 0.0
	for i := range to {
		to[i] -= from[i]
		sum += to[i]
	}
	for i := range to {
		to[i] /= sum
	}
	return to
}

// logNormal draws costs with a mean and a coefficient of variation, cut at most.
func logNormal(r *rand.Rand, mean, cv float64, most int64) int64 {
	sigma := math.Sqrt(math.Log(1 + cv*cv))
	x := mean * math.Exp(sigma*r.NormFloat64()-sigma*sigma/2)
	return min(max(1, int64(x)), most)
}

const simMaxCost = 20_000_000

// exactCost draws requests of about a second whose estimate is right.
func exactCost(r *rand.Rand) (est, real int64) {
	c := logNormal(r, 1e6, 1.2, simMaxCost)
	return c, c
}

// constantCost draws the same, estimated as their mean.
func constantCost(r *rand.Rand) (est, real int64) {
	return 1_000_000, logNormal(r, 1e6, 1.2, simMaxCost)
}

// underCost draws requests that cost eight times their estimate.
func underCost(r *rand.Rand) (est, real int64) {
	c := logNormal(r, 1e6, 1.2, simMaxCost)
	return max(1, c/8), c
}

// bigCost draws requests eight times as large, estimated as the others are.
func bigCost(r *rand.Rand) (est, real int64) {
	return 1_000_000, logNormal(r, 8e6, 1.2, 8*simMaxCost)
}

// learnedCost and bigLearnedCost leave the estimate to the scheduler.
func learnedCost(r *rand.Rand) (est, real int64) {
	_, real = constantCost(r)
	return 0, real
}

func bigLearnedCost(r *rand.Rand) (est, real int64) {
	_, real = bigCost(r)
	return 0, real
}

func bigExactCost(r *rand.Rand) (est, real int64) {
	_, real = bigCost(r)
	return real, real
}

func simConfig(seats int) Config {
	return Config{
		Name: "sim", Limit: LimitConfig{Initial: seats}, MaxCost: 8 * simMaxCost,
		Classes: []Class{
			{Name: "vip", Weight: 40},
			{Name: "realtime", Weight: 30},
			{Name: "campaign", Weight: 20},
			{Name: "batch", Weight: 10},
		},
	}
}

// flowsOf makes n backlogged flows of a class.
func flowsOf(class, n int, cost func(*rand.Rand) (int64, int64)) (ls []*load) {
	for i := range n {
		ls = append(ls, &load{class: class, flow: fmt.Sprint("t", i), keep: 2, cost: cost})
	}
	return ls
}

// backlogged makes three flows per class, the batch class with another cost.
func backlogged(cost, batch func(*rand.Rand) (int64, int64)) (ls []*load) {
	for class := range 3 {
		ls = append(ls, flowsOf(class, 3, cost)...)
	}
	return append(ls, flowsOf(3, 3, batch)...)
}
