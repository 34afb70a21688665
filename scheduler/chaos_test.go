package scheduler

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaos drives a scheduler with seeded random operations on a fake clock and
// follows every ticket in a naive model, so that it can check the invariants
// after each step.
type chaos struct {
	t   testing.TB
	s   *Scheduler
	r   *rand.Rand
	cfg Config
	now time.Time

	queued, running []*tracked
	submitted       int
	steps           int
	lastID          int
	ended           map[Reason]int
	dispatched      int
	trace           uint64 // hash of the dispatch sequence
	lastV           int64
	overLimit       int // seats in use when the limit was last cut below them
	checks          func(*chaos)
}

// tracked is a request as the model sees it.
type tracked struct {
	t        Ticket
	id       int // rises with every arrival in the flow
	class    string
	flow     string
	deadline time.Time
}

func chaosConfig() Config {
	return Config{
		Name:    "chaos",
		Limit:   LimitConfig{Mode: AIMD, Initial: 8, Min: 2, Max: 12},
		Queue:   QueueConfig{MaxRequests: 60, MaxBytes: 40_000, MaxFlows: 20},
		MaxCost: 1_000_000,
		Classes: []Class{
			{Name: "vip", Weight: 40, Warp: 2 * time.Second, Headroom: 1, MaxWait: 800 * time.Millisecond},
			{Name: "realtime", Weight: 30, Headroom: 1, MaxWait: 500 * time.Millisecond, QueueLimit: 25},
			{Name: "campaign", Weight: 20},
			{Name: "batch", Weight: 10, MaxSeats: SeatCap{Percent: 60}, MaxWait: 3 * time.Second},
		},
		AllowLargeHeadroom: true,
	}
}

func newChaos(t testing.TB, seed uint64, cfg Config) *chaos {
	c := &chaos{
		t: t, r: rand.New(rand.NewPCG(seed, 99)), cfg: cfg,
		now: time.Unix(1000, 0), ended: map[Reason]int{}, trace: 14695981039346656037,
	}
	s, err := New(cfg, Options{Clock: func() time.Time { return c.now }, ManualSweep: true})
	require.NoError(t, err)
	c.s = s
	t.Cleanup(s.Close)
	return c
}

// run does n operations and calls checks after each.
func (c *chaos) run(n int, checks func(*chaos)) {
	c.checks = checks
	c.lastV = c.s.v
	for c.steps = range n {
		c.step()
		c.reap()
		if checks != nil {
			checks(c)
		}
	}
}

func (c *chaos) step() {
	switch p := c.r.IntN(1000); {
	case p < 470:
		c.submit()
	case p < 790:
		c.release()
	case p < 860:
		c.cancel()
	case p < 890:
		c.promote()
	case p < 920:
		if t := pick(c.r, c.running); t != nil {
			t.t.Charge(c.r.Int64N(2_000_000))
		}
	case p < 985:
		c.now = c.now.Add(time.Duration(c.r.Int64N(int64(10*time.Millisecond) + 1)))
		c.s.Sweep()
	default:
		c.control()
	}
}

func pick(r *rand.Rand, from []*tracked) *tracked {
	if len(from) == 0 {
		return nil
	}
	return from[r.IntN(len(from))]
}

func (c *chaos) submit() {
	class := min(c.r.IntN(4), len(c.s.cfg.Classes)-1)
	req := Request{Class: class, Flow: fmt.Sprint("f", c.r.IntN(1+c.r.IntN(12))), Bytes: c.r.Int64N(1500)}
	if c.r.IntN(2) == 0 {
		req.Cost = c.r.Int64N(1_500_000)
	}
	if c.r.IntN(4) == 0 {
		req.Deadline = c.now.Add(time.Duration(c.r.Int64N(int64(time.Second))))
	}
	before := c.lengths()
	c.submitted++
	tk, err := c.s.Submit(req)
	var rej *Rejection
	if errors.As(err, &rej) {
		c.ended[rej.Reason]++
		c.checkRejection(req, rej, before)
		return
	}
	require.NoError(c.t, err)
	c.lastID++
	k := &tracked{t: tk, id: c.lastID, class: c.s.cfg.Classes[class].Name, flow: req.Flow, deadline: req.Deadline}
	if wait := c.s.cfg.Classes[class].MaxWait; wait > 0 && (k.deadline.IsZero() || c.now.Add(wait).Before(k.deadline)) {
		k.deadline = c.now.Add(wait)
	}
	c.checkDisplaced(class, before)
	c.queued = append(c.queued, k)
}

func (c *chaos) release() {
	if len(c.running) == 0 {
		return
	}
	i := c.r.IntN(len(c.running))
	k := c.running[i]
	c.running = append(c.running[:i], c.running[i+1:]...)
	o := Outcome{Cost: c.r.Int64N(3_000_000) - 300_000, Complete: c.r.IntN(4) > 0, Signal: SignalOK}
	if c.r.IntN(100) == 0 {
		o.Signal, o.RetryAfter = SignalOverload, time.Duration(c.r.Int64N(int64(time.Second)))
	}
	k.t.Release(o)
	k.t.Release(o) // the second one must do nothing
}

func (c *chaos) cancel() {
	k := pick(c.r, c.queued)
	if k == nil {
		return
	}
	cause := errors.New("client gone")
	require.True(c.t, k.t.Cancel(cause))
	require.False(c.t, k.t.Cancel(cause))
	require.Equal(c.t, cause, k.t.Wait())
	require.ErrorIs(c.t, k.t.Wait(), ErrStale)
	c.ended[ReasonCancelled]++
	c.drop(k)
}

// named reports whether each name has a flow of its own, none of them shared.
func (c *chaos) named() bool { return c.s.flows.max >= 1000 }

func (c *chaos) drop(k *tracked) {
	for i := range c.queued {
		if c.queued[i] == k {
			c.queued = append(c.queued[:i], c.queued[i+1:]...)
			return
		}
	}
}

func (c *chaos) promote() {
	k := pick(c.r, c.queued)
	if k == nil {
		return
	}
	to := c.r.IntN(len(c.s.cfg.Classes))
	if k.t.Promote(to) {
		c.lastID++ // it joins the other flow last
		k.id, k.class = c.lastID, c.s.cfg.Classes[to].Name
		c.drop(k)
		c.queued = append(c.queued, k)
	}
}

func (c *chaos) control() {
	name := c.s.cfg.Classes[c.r.IntN(len(c.s.cfg.Classes))].Name
	switch c.r.IntN(7) {
	case 0:
		c.s.SetLimit(c.r.IntN(14))
	case 1:
		require.NoError(c.t, c.s.Pause(name))
	case 2:
		for _, k := range c.s.cfg.Classes {
			require.NoError(c.t, c.s.Resume(k.Name))
		}
	case 3:
		c.s.SetLimit(8)
	case 4:
		require.NoError(c.t, c.s.Drain(name))
	case 5:
		require.NoError(c.t, c.s.Boost(name, 1+c.r.IntN(200), c.now.Add(time.Duration(c.r.IntN(100))*time.Millisecond)))
	default:
		cfg := c.cfg
		cfg.Classes = append([]Class(nil), cfg.Classes...)
		c.r.Shuffle(len(cfg.Classes), func(i, j int) { cfg.Classes[i], cfg.Classes[j] = cfg.Classes[j], cfg.Classes[i] })
		cfg.Classes = cfg.Classes[:1+c.r.IntN(len(cfg.Classes))]
		for i := range cfg.Classes {
			cfg.Classes[i].Weight = 1 + c.r.IntN(100)
		}
		require.NoError(c.t, c.s.Reconfigure(cfg))
	}
}

// reap moves the tickets that the last step has granted or ended, and checks
// that a grant was due.
func (c *chaos) reap() {
	kept := c.queued[:0]
	started := map[string]int{}
	for _, k := range c.queued {
		w := k.t.n.word.Load()
		switch {
		case k.t.Granted():
			c.dispatched++
			h := fnv.New64a()
			_, _ = fmt.Fprint(h, c.trace, k.class, k.flow, k.id)
			c.trace = h.Sum64()
			require.NoError(c.t, k.t.Wait())
			if !k.deadline.IsZero() {
				require.True(c.t, c.now.Before(k.deadline), "dispatched %s after its deadline", c.now.Sub(k.deadline))
			}
			c.running = append(c.running, k)
			started[k.class+"\x00"+k.flow] = k.id
		case w&phaseMask == phaseEnded:
			var rej *Rejection
			require.ErrorAs(c.t, k.t.Wait(), &rej)
			c.ended[rej.Reason]++
			if rej.Reason == ReasonExpired {
				require.False(c.t, c.now.Before(k.deadline))
			}
		default:
			kept = append(kept, k)
		}
	}
	c.queued = kept
	if !c.named() {
		return
	}
	for _, k := range kept {
		if id, ok := started[k.class+"\x00"+k.flow]; ok && k.id <= id {
			require.Greater(c.t, k.id, id, "flow %q overtook itself", k.flow)
		}
	}
}
