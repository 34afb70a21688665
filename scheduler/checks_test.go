package scheduler

import (
	"math/bits"
	"time"

	"github.com/stretchr/testify/require"
)

// checkConservation is invariant 1.
func checkConservation(c *chaos) {
	total := c.dispatched + len(c.queued)
	for _, n := range c.ended {
		total += n
	}
	require.Equal(c.t, c.submitted, total, "submitted = ended + dispatched + queued")
	require.Equal(c.t, len(c.queued), c.s.n)
	for _, k := range c.s.Stats().Classes {
		sum := k.Dispatched + k.PromotedOut + uint64(k.Queued)
		for _, n := range k.Outcomes {
			sum += n
		}
		require.Equal(c.t, k.Submitted+k.PromotedIn, sum, "class %s", k.Name)
	}
}

// checkSeats is invariant 2.
func checkSeats(c *chaos) {
	s := c.s
	used, n, bytes := 0, 0, int64(0)
	for _, k := range s.classes {
		used, n, bytes = used+k.used, n+k.n, bytes+k.bytes
		if k.used < 0 {
			require.Failf(c.t, "negative seats", "class %s: %d", k.cfg.Name, k.used)
		}
	}
	if s.used != used || s.n != n || s.bytes != bytes || len(c.running) != used {
		require.Failf(c.t, "sums differ", "used %d %d %d, n %d %d, bytes %d %d",
			s.used, used, len(c.running), s.n, n, s.bytes, bytes)
	}
	if s.used > s.limiter.limit && s.used > c.overLimit {
		require.Failf(c.t, "seats grew above the limit", "from %d to %d of %d", c.overLimit, s.used, s.limiter.limit)
	}
	c.overLimit = s.used
}

// checkWork is invariant 4.
func checkWork(c *chaos) {
	s := c.s
	free := s.limiter.limit - s.used
	if free <= 0 {
		return
	}
	for _, k := range s.classes {
		if k.n > 0 && !k.paused && k.used < k.seatCap {
			require.LessOrEqual(c.t, free, s.holdLocked(k), "class %s waits beside %d free seats", k.cfg.Name, free)
			require.LessOrEqual(c.t, free, s.holdCap)
		}
	}
}

// checkDebt is invariant 10, and that V never decreases.
func checkDebt(c *chaos) {
	s := c.s
	require.GreaterOrEqual(c.t, s.v-c.lastV, int64(0), "virtual time went back")
	c.lastV = s.v
	for _, k := range s.classes {
		if most := k.debtMax + s.cfg.MaxCost*tagScale/k.weight + 1; k.start-s.v > most {
			require.Failf(c.t, "too much debt", "class %s: %d of %d", k.cfg.Name, k.start-s.v, most)
		}
	}
	if c.steps%64 != 0 {
		return // the table may be long
	}
	for _, f := range s.flows.byHash {
		for ; f != nil; f = f.collides {
			if f.start-f.class.v > 3*s.cfg.MaxCost {
				require.Failf(c.t, "too much debt", "flow %s: %d", f.key, f.start-f.class.v)
			}
		}
	}
}

// checkExpiry is the second half of invariant 11; reap checks the first.
func checkExpiry(c *chaos) {
	for _, k := range c.queued {
		if !k.deadline.IsZero() && c.now.Sub(k.deadline) > 20*time.Millisecond {
			require.Failf(c.t, "expired too late", "by %s", c.now.Sub(k.deadline))
		}
	}
}

// checkStructure compares heaps, buckets, bitmap and wheel with the lists.
func checkStructure(c *chaos) {
	s := c.s
	armed := 0
	for i, k := range s.classes {
		require.Equal(c.t, i, k.rank)
		require.Equal(c.t, k.n > 0 && !k.paused, s.active>>i&1 == 1)
		n := 0
		for j, e := range k.heap {
			f := e.f
			length := int32(0)
			for t := f.head; t != nil; t = t.next {
				length++
			}
			ok := int32(j) == f.pos && f.start == e.start && f.head.seq == e.seq && f.n == length &&
				bits.Len32(uint32(f.n))-1 == int(f.bucket) && (j == 0 || !k.heap[j].before(&k.heap[(j-1)/4]))
			if !ok {
				require.Failf(c.t, "heap, bucket or list is wrong", "entry %d %+v: %+v", j, e, *f)
			}
			n += int(length)
		}
		require.Equal(c.t, k.n, n)
		for t := k.oldest; t != nil; t = t.newer {
			n--
			if t.slotPrev != nil {
				armed++
			}
		}
		require.Zero(c.t, n)
	}
	require.Equal(c.t, s.wheel.armed, armed)
}

// lengths is the queue before an arrival, by class and flow.
func (c *chaos) lengths() map[string]map[*flow]int32 {
	m := map[string]map[*flow]int32{}
	for _, k := range c.s.classes {
		m[k.cfg.Name] = map[*flow]int32{}
		for _, e := range k.heap {
			m[k.cfg.Name][e.f] = e.f.n
		}
	}
	return m
}

// checkDisplaced is invariant 13: whom an accepted arrival displaced.
func (c *chaos) checkDisplaced(class int, before map[string]map[*flow]int32) {
	require.LessOrEqual(c.t, c.s.n, c.s.cfg.Queue.MaxRequests)
	newest := map[*flow]*tracked{} // of those still waiting
	var victims []*tracked
	for _, k := range c.queued {
		if k.t.n.flow != nil {
			newest[k.t.n.flow] = k
		}
		e, ok := k.t.n.cause.(*ending)
		if k.t.n.word.Load()&phaseMask == phaseEnded && ok && e.reason == ReasonDisplaced {
			require.GreaterOrEqual(c.t, e.class.rank, class, "displaced a more important request")
			victims = append(victims, k)
		}
	}
	if len(victims) != 1 || !c.named() {
		return // after the first victim the lengths before no longer tell
	}
	victim := victims[0]
	k := victim.t.n.cause.(*ending).class
	f, longest := c.flowOf(k, victim.flow), int32(0)
	for _, l := range before[k.cfg.Name] {
		longest = max(longest, l)
	}
	require.GreaterOrEqual(c.t, 2*before[k.cfg.Name][f], longest, "the victim's flow is too short")
	if live := newest[f]; live != nil {
		require.Less(c.t, live.id, victim.id, "the victim was not its flow's newest")
	}
}

// flowOf finds a flow by name, nil when it is not in the table.
func (c *chaos) flowOf(k *class, name string) *flow {
	for _, f := range c.s.flows.byHash {
		for ; f != nil; f = f.collides {
			if f.class == k && string(f.key) == name {
				return f
			}
		}
	}
	return nil
}

// checkRejection is invariants 13 and 14: whom the scheduler turned away.
func (c *chaos) checkRejection(r Request, rej *Rejection, before map[string]map[*flow]int32) {
	own := before[rej.Class][c.flowOf(c.s.classes[r.Class], r.Flow)]
	switch rej.Reason {
	case ReasonPredictedWait:
		if c.named() {
			require.Positive(c.t, own, "a flow's first waiting request was refused")
		}
	case ReasonQueueFull:
		limit := c.s.classes[r.Class].cfg.QueueLimit
		if limit > 0 && c.s.classes[r.Class].n >= limit {
			return
		}
		for _, k := range c.s.classes[r.Class+1:] {
			require.Zero(c.t, k.n, "refused while %s could have been displaced", k.cfg.Name)
		}
		for _, l := range before[rej.Class] {
			if c.named() {
				require.GreaterOrEqual(c.t, 2*(own+1), l)
			}
		}
	}
}
