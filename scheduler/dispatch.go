package scheduler

import "math/bits"

// dispatchLocked gives free seats to waiting requests until there are no more
// seats or nobody may take one. It reads the clock only if it may dispatch.
func (s *Scheduler) dispatchLocked() {
	if s.used >= s.limiter.limit || s.active == 0 {
		return
	}
	s.tickLocked()
	s.dispatchAtLocked()
}

// dispatchAtLocked is dispatchLocked for callers that have just read the clock.
func (s *Scheduler) dispatchAtLocked() {
	for s.used < s.limiter.limit && s.active != 0 {
		c := s.pickLocked()
		if c == nil {
			return
		}
		f := c.next()
		n := f.head
		if n.when != 0 && n.when <= s.now {
			s.endLocked(n, ReasonExpired, nil) // costs no share
			continue
		}
		c.rate.count++
		s.dequeueLocked(n)
		s.startLocked(c, f, n)
		s.settleHeapLocked(f)
		n.setPhase(phaseGranted)
		s.notifyLocked(n)
	}
}

// pickLocked returns the class whose request is next: the least start tag less
// warp among the classes that may take a seat, the more important one when
// equal. It first brings the virtual time up to the least start tag of those
// that compete. A class at its own seat cap does not compete: it would hold
// the virtual time back, and the others would run into their debt bound.
func (s *Scheduler) pickLocked() *class {
	var least, best *class
	for b := s.active; b != 0; b &= b - 1 {
		c := s.classes[bits.TrailingZeros64(b)]
		if c.used >= c.seatCap {
			c.jailed = true
			continue
		}
		if least == nil || c.start-least.start < 0 {
			least = c
		}
		if best == nil || (c.start-c.warp)-(best.start-best.warp) < 0 {
			best = c
		}
	}
	if least == nil {
		return nil
	}
	if least.start-s.v > 0 {
		s.v = least.start
	}
	if len(s.guarded) == 0 || s.holdCap == 0 || s.limiter.limit-s.used > s.holdLocked(best) {
		return best
	}
	return s.pickHeldLocked()
}

// pickHeldLocked picks among the classes for which enough seats are free.
func (s *Scheduler) pickHeldLocked() (best *class) {
	for b := s.active; b != 0; b &= b - 1 {
		c := s.classes[bits.TrailingZeros64(b)]
		if c.used >= c.seatCap || s.limiter.limit-s.used <= s.holdLocked(c) {
			continue
		}
		if best == nil || (c.start-c.warp)-(best.start-best.warp) < 0 {
			best = c
		}
	}
	return best
}

// insideLocked reports whether the class is inside its share, warp included.
func (s *Scheduler) insideLocked(c *class) bool {
	return c.start-c.warp-s.v <= 0
}

// holdLocked returns how many seats c must leave free: the headroom of every
// class that is inside its share and more important. A class outside its own
// share leaves everybody's headroom free, also that of less important classes;
// else it alone could take the seats that the others must spare, for ever.
func (s *Scheduler) holdLocked(c *class) int {
	inside := s.insideLocked(c)
	hold := 0
	for _, k := range s.guarded {
		if k == c || (inside && k.rank > c.rank) || k.shut() {
			continue
		}
		if s.insideLocked(k) {
			hold += k.cfg.Headroom
		}
	}
	return min(hold, s.holdCap)
}

// shut reports whether the class could not use a seat kept for it.
func (c *class) shut() bool {
	return c.paused || c.used >= c.seatCap || (c.draining && c.n == 0)
}

// startableLocked reports whether a request of c may run at once while nothing
// waits; then c is the only one that competes, and virtual time follows it.
func (s *Scheduler) startableLocked(c *class) bool {
	if s.used >= s.limiter.limit || c.paused || c.used >= c.seatCap {
		return false
	}
	s.catchUpLocked(c)
	return len(s.guarded) == 0 || s.limiter.limit-s.used > s.holdLocked(c)
}

// catchUpLocked starts a class's period of activity: idle time earns nothing,
// and with nobody else active virtual time catches up with a debt.
func (s *Scheduler) catchUpLocked(c *class) {
	if d := c.start - s.v; d < 0 {
		c.start, c.rem = s.v, 0
	} else {
		s.v = c.start
	}
}

// startLocked puts a request on a seat and charges its estimate. The caller
// brings the class's heap in order.
func (s *Scheduler) startLocked(c *class, f *flow, n *node) {
	s.flows.rouse(f)
	if f.n == 0 && f.pos < 0 && f.start-c.v < 0 {
		f.start = c.v
	}
	if f.start-c.v > 0 {
		c.v = f.start
	}
	if c.jailed {
		c.jailed = false
		if s.v-c.start > c.debtMax { // a claim is bounded like a debt
			c.start, c.rem = s.v-c.debtMax, 0
		}
	}
	cost := s.estimateLocked(c, f, n.charged)
	n.charged, n.when = cost, s.now
	c.advance(cost)
	f.start += cost
	f.running++
	c.used++
	s.used++
	c.count.dispatched++
	if s.steps++; s.steps%refreshSteps == 0 {
		s.refreshLocked()
	}
}

// refreshSteps is the number of dispatches after which the tags of idle
// classes are brought up to date.
const refreshSteps = 4096

// refreshLocked moves the tags of idle classes that lie in the past to now.
// Activation would do the same, but only while a tag is less than half of the
// int64 range behind: refreshSteps times the largest step stays below that.
func (s *Scheduler) refreshLocked() {
	for _, c := range s.classes {
		if (c.n == 0 || c.paused) && c.start-s.v < 0 {
			c.start, c.rem = s.v, 0
		}
	}
}

// estimateLocked returns what a dispatch is charged, at least one micro-unit,
// so that virtual time cannot stand still.
func (s *Scheduler) estimateLocked(c *class, f *flow, given int64) int64 {
	cost := given
	switch {
	case given > 0:
	case f.est > 0:
		cost = int64(f.est)
	case c.est > 0:
		cost = int64(c.est)
	default:
		cost = s.cfg.InitialCost
	}
	return min(max(cost, 1), s.cfg.MaxCost)
}

// correctLocked charges the difference between cost and charge. It is exact
// and not clamped while the class is backlogged, in either direction; only a
// debt beyond debtMax is forgiven, so that a wild estimate cannot shut a class
// or flow out for long.
func (s *Scheduler) correctLocked(c *class, f *flow, diff int64) {
	diff = min(max(diff, -costBound), costBound)
	c.advance(diff)
	if over := c.start - s.v - c.debtMax; over > 0 {
		c.start, c.rem = c.start-over, 0
		s.forgiven += mulDiv(over, c.weight, tagScale)
	}
	f.start += diff
	if over := f.start - c.v - 2*s.cfg.MaxCost; over > 0 {
		f.start -= over
	}
	if f.pos >= 0 {
		c.heap.fix(f)
	}
}

func (s *Scheduler) charge(t Ticket, actual int64) {
	s.mu.Lock()
	defer s.unlock()
	if !t.isLocked(phaseGranted) || actual <= t.n.charged {
		return
	}
	n, f := t.n, t.n.flow
	s.correctLocked(f.class, f, actual-n.charged)
	n.charged = actual
	f.class.count.served += actual - n.settled
	n.settled = actual
	s.dispatchLocked() // its class may have left its share, and its headroom
}

func (s *Scheduler) release(t Ticket, o Outcome) {
	s.mu.Lock()
	if t.isLocked(phaseGranted) {
		s.releaseLocked(t.n, o)
		s.dispatchLocked()
	}
	s.unlock()
}

// releaseLocked settles the account of a running request and frees its seat.
func (s *Scheduler) releaseLocked(n *node, o Outcome) {
	f := n.flow
	c := f.class
	actual := o.Cost
	if actual < 0 {
		actual = n.charged
	}
	if actual != n.charged {
		s.correctLocked(c, f, actual-n.charged)
	}
	c.count.served += max(0, actual-n.settled)
	if o.Complete {
		learn(&f.est, actual)
		learn(&c.est, actual)
	}
	s.observeLocked(n, o)
	f.running--
	c.used--
	s.used--
	if f.running == 0 && f.n == 0 {
		s.flows.rest(f)
	}
	s.freeLocked(n)
}

// learn moves an average by a twentieth towards a sample; the first one sets it.
func learn(est *float64, sample int64) {
	if *est == 0 {
		*est = float64(sample)
		return
	}
	*est += 0.05 * (float64(sample) - *est)
}

func (s *Scheduler) observeLocked(n *node, o Outcome) {
	changed := false
	switch o.Signal {
	case SignalOK:
		changed = s.limiter.success(s.used, s.tickLocked)
	case SignalOverload:
		changed = s.limiter.overload(n.when, s.tickLocked(), int64(o.RetryAfter))
	}
	if changed {
		s.applyLimitLocked()
	}
}
