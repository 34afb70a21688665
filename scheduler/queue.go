package scheduler

import "time"

// enqueueLocked appends a node to its flow and makes flow and class active.
func (s *Scheduler) enqueueLocked(f *flow, n *node, deadline int64) {
	c := f.class
	n.when = deadline
	s.bytes += int64(n.bytes)
	c.link(n)
	s.joinLocked(f, n)
	if deadline != 0 {
		s.wheel.arm(n)
		s.rouseSweeperLocked()
	}
}

// joinLocked adds a node to a flow and counts it in the class.
func (s *Scheduler) joinLocked(f *flow, n *node) {
	c := f.class
	s.flows.rouse(f)
	f.append(n)
	c.n++
	s.n++
	c.bytes += int64(n.bytes)
	c.buckets.update(f)
	if f.n == 1 {
		if f.start-c.v < 0 {
			f.start = c.v
		}
		c.heap.push(f)
	}
	if c.n == 1 {
		c.rate.begin(s.now)
		if !c.paused {
			s.activateLocked(c)
		}
	}
}

// activateLocked lets a backlogged class compete, without credit for the time
// it did not.
func (s *Scheduler) activateLocked(c *class) {
	if c.start-s.v < 0 {
		c.start, c.rem = s.v, 0
	}
	s.active |= 1 << c.rank
}

// dequeueLocked takes a node out of the queue. The caller brings the heap in
// order with settleHeapLocked, after it has changed the flow's tag.
func (s *Scheduler) dequeueLocked(n *node) {
	c := n.flow.class
	s.wheel.disarm(n)
	s.bytes -= int64(n.bytes)
	c.unlink(n)
	s.leaveLocked(n)
}

// leaveLocked is the reverse of joinLocked, except for the heap.
func (s *Scheduler) leaveLocked(n *node) {
	f := n.flow
	c := f.class
	f.remove(n)
	c.n--
	s.n--
	c.bytes -= int64(n.bytes)
	c.buckets.update(f)
	if c.n == 0 {
		c.rate.end(s.now)
		s.active &^= 1 << c.rank
	}
}

// settleHeapLocked brings a flow's place in the heap in line with its list and
// its tag, and lets an empty one rest.
func (s *Scheduler) settleHeapLocked(f *flow) {
	if f.n > 0 {
		f.class.heap.fix(f)
		return
	}
	f.class.heap.remove(f)
	if f.running == 0 {
		s.flows.rest(f)
	}
}

func (s *Scheduler) cancel(t Ticket, cause error) bool {
	s.mu.Lock()
	ok := t.isLocked(phaseQueued)
	if ok {
		s.endLocked(t.n, ReasonCancelled, cause)
		s.dispatchLocked() // whoever left may have held the virtual time back
	}
	s.unlock()
	return ok
}

// collect hands the error of an ended ticket to its waiter and frees it.
func (s *Scheduler) collect(t Ticket) error {
	s.mu.Lock()
	if !t.isLocked(phaseEnded) {
		s.mu.Unlock()
		return ErrStale
	}
	n := t.n
	cause, waited := n.cause, n.when-n.arrived
	s.freeLocked(n)
	e, own := cause.(*ending) //nolint:errorlint // only the bare value is ours
	if !own {
		s.mu.Unlock()
		return cause
	}
	r := s.rejectionLocked(e.class, nil, e.reason)
	s.mu.Unlock()
	r.Waited = time.Duration(waited)
	return r
}

func (s *Scheduler) promote(t Ticket, class int) bool {
	s.mu.Lock()
	defer s.unlock()
	s.tickLocked()
	if !t.isLocked(phaseQueued) || class < 0 || class >= len(s.cfg.Classes) {
		return false
	}
	n, from, to := t.n, t.n.flow, s.classes[class]
	old := from.class
	if to.rank >= old.rank || to.draining || (to.cfg.QueueLimit > 0 && to.n >= to.cfg.QueueLimit) {
		return false
	}
	old.unlink(n)
	s.leaveLocked(n)
	f := s.flows.sibling(to, from) // before from may rest: it must not be evicted
	s.settleHeapLocked(from)
	s.seq++
	n.seq = s.seq // it joins the flow now, behind whoever is in it
	to.linkPromoted(n)
	s.joinLocked(f, n)
	old.count.promotedOut++
	to.count.promotedIn++
	s.dispatchLocked()
	return true
}

func (s *Scheduler) waited(t Ticket) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case t.isLocked(phaseQueued):
		return time.Duration(s.tickLocked() - t.n.arrived)
	case t.isLocked(phaseGranted):
		return time.Duration(t.n.when - t.n.arrived)
	default:
		return 0
	}
}

func (s *Scheduler) position(t Ticket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.isLocked(phaseQueued) {
		return 0
	}
	f := t.n.flow
	return f.class.placeOf(int(min(t.n.place-f.head.place, uint32(f.n-1))))
}
