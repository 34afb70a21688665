package scheduler

import (
	"hash/maphash"
	"sync"
	"time"
)

// Options are the parts a Scheduler takes from its surroundings. The zero
// value is right for production.
type Options struct {
	// Clock tells the time; nil means time.Now. It must not go backwards.
	Clock func() time.Time
	// ManualSweep starts no goroutine: the owner calls Sweep, about every
	// 10 ms while requests wait, e.g. from one ticker for many pools.
	ManualSweep bool
}

// Scheduler is the queue of one pool. All methods are safe for concurrent use
// and none blocks, except Ticket.Wait and Close.
type Scheduler struct {
	seed  maphash.Seed
	epoch time.Time
	clock func() time.Time // nil: the monotonic clock

	stop  chan struct{}
	armed chan struct{} // cap 1: the sweeper has something to do
	done  chan struct{} // closed when the sweeper has ended

	mu sync.Mutex // guards everything below and all nodes, flows and classes

	cfg      Config
	classes  []*class // by rank; retired ones last
	guarded  []*class // those with headroom
	active   uint64   // bit i: classes[i] is backlogged and not paused
	lastSalt uint64

	v       int64 // virtual time; never decreases
	steps   uint32
	limiter limiter
	holdCap int // the most seats headroom may keep free at the limit in force

	used  int // seats in use: the sum over the classes of used
	n     int // waiting: the sum over the classes of n
	bytes int64
	seq   uint64
	now   int64 // the time of the operation that holds the lock, or of an older one

	flows    flowTable
	wheel    wheel
	spare    *node
	spares   int
	wake     *node // chain of ended waits to deliver after unlock, oldest first
	wakeLast *node

	boosts   int
	sweeping bool
	draining bool
	closed   bool
	forgiven int64 // cost of debts cut at debtMax
}

// New makes the scheduler of one pool. The error names every setting that is
// wrong. Without ManualSweep it owns one goroutine, ended by Close, that sleeps
// while nothing waits.
func New(cfg Config, opts Options) (*Scheduler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Scheduler{
		seed:  maphash.MakeSeed(),
		clock: opts.Clock,
		stop:  make(chan struct{}),
		armed: make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	s.epoch = time.Now()
	if s.clock != nil {
		s.epoch = s.clock()
	}
	cfg = cfg.withDefaults()
	s.flows = newFlowTable(cfg.Queue.MaxFlows)
	s.limiter.limit = cfg.Limit.Initial
	s.installLocked(cfg)
	if opts.ManualSweep {
		s.sweeping = true // so that nobody tries to rouse a sweeper
		close(s.done)
	} else {
		go s.sweepLoop()
	}
	return s, nil
}

// since returns the time in nanoseconds since the scheduler was made. The
// monotonic clock alone costs half of time.Now.
func (s *Scheduler) since() int64 {
	if s.clock == nil {
		return int64(time.Since(s.epoch))
	}
	return int64(s.clock().Sub(s.epoch))
}

// tick reads the clock under the lock.
func (s *Scheduler) tickLocked() int64 {
	s.now = max(s.now, s.since())
	return s.now
}

// unlock delivers what the operation has decided, after giving up the lock.
func (s *Scheduler) unlock() {
	wake := s.wake
	s.wake, s.wakeLast = nil, nil
	s.mu.Unlock()
	if wake != nil {
		deliver(wake)
	}
}

// Submit asks for a seat and never blocks. The ticket is granted at once when
// a seat is free and nobody has a better claim to it; otherwise it waits in
// the queue. The error is a *Rejection, or ErrNoClass. The success path does
// not allocate once the scheduler has seen its load.
func (s *Scheduler) Submit(r Request) (Ticket, error) {
	hash := maphash.String(s.seed, r.Flow)
	now := s.since()
	s.mu.Lock()
	if r.Class < 0 || r.Class >= len(s.cfg.Classes) {
		s.mu.Unlock()
		return Ticket{}, ErrNoClass
	}
	s.now = max(s.now, now)
	c := s.classes[r.Class]
	c.count.submitted++
	deadline, alive := s.deadlineLocked(c, r)
	if !alive {
		return s.rejectLocked(c, nil, ReasonExpired)
	}
	if s.draining || c.draining {
		return s.rejectLocked(c, nil, ReasonDraining)
	}
	f := s.flows.lookup(c, hash, r.Flow)
	if s.n == 0 && s.startableLocked(c) {
		n := s.nodeLocked(f, r)
		s.startLocked(c, f, n)
		t := Ticket{n, n.setPhase(phaseGranted)}
		s.mu.Unlock()
		return t, nil
	}
	if reason, ok := s.admitLocked(c, f, r, deadline); !ok {
		return s.rejectLocked(c, f, reason)
	}
	n := s.nodeLocked(f, r)
	t := Ticket{n, n.setPhase(phaseQueued)}
	s.enqueueLocked(f, n, deadline)
	s.dispatchAtLocked()
	s.unlock()
	return t, nil
}

// deadlineLocked returns when the request leaves the queue, 0 for never, and
// whether that lies ahead.
func (s *Scheduler) deadlineLocked(c *class, r Request) (deadline int64, alive bool) {
	if c.cfg.MaxWait > 0 {
		deadline = s.now + int64(c.cfg.MaxWait)
	}
	if !r.Deadline.IsZero() {
		own := int64(r.Deadline.Sub(s.epoch))
		if own <= s.now {
			return 0, false
		}
		if deadline == 0 || own < deadline {
			deadline = own
		}
	}
	return deadline, true
}

// nodeLocked takes a node for the request.
func (s *Scheduler) nodeLocked(f *flow, r Request) *node {
	n := s.spare
	if n == nil {
		n = &node{s: s}
	} else {
		s.spare, n.next = n.next, nil
		s.spares--
	}
	s.seq++
	n.flow, n.seq, n.arrived = f, s.seq, s.now
	n.charged, n.settled, n.bytes = r.Cost, 0, uint32(r.Bytes)
	return n
}

// setPhase enters a phase and returns the generation for tickets. The parked
// bit stays: it is cleared on delivery.
func (n *node) setPhase(phase uint64) uint64 {
	for {
		w := n.word.Load()
		if n.word.CompareAndSwap(w, w&^phaseMask|phase) {
			return w &^ (phaseMask | parked)
		}
	}
}

// isLocked reports whether the ticket's node is in the phase.
func (t Ticket) isLocked(phase uint64) bool {
	return t.n.word.Load()&^parked == t.gen|phase
}

// freeLocked ends the node's generation and keeps it for reuse, unless a
// wake-up is still on its way to it: then the garbage collector has it.
func (s *Scheduler) freeLocked(n *node) {
	w := n.word.Load()
	n.word.Store((w>>genShift + 1) << genShift)
	n.flow, n.cause = nil, nil
	if w&parked != 0 || s.spares >= s.cfg.Queue.SpareTickets {
		return
	}
	n.next = s.spare
	s.spare = n
	s.spares++
}

// endLocked takes a waiting ticket out of the queue for good. A nil cause
// stands for a Rejection with the reason.
func (s *Scheduler) endLocked(n *node, reason Reason, cause error) {
	f := n.flow
	c := f.class
	c.count.ended[reason]++
	s.dequeueLocked(n)
	s.settleHeapLocked(f)
	if cause == nil {
		cause = &c.ends[reason]
	}
	n.flow, n.cause, n.when = nil, cause, s.now
	n.setPhase(phaseEnded)
	s.notifyLocked(n)
}

// notifyLocked puts a node whose wait is over in line for its wake-up.
func (s *Scheduler) notifyLocked(n *node) {
	if n.word.Load()&parked == 0 {
		return
	}
	if s.wake == nil {
		s.wake = n
	} else {
		s.wakeLast.slotNext = n
	}
	s.wakeLast = n
}

// SetLimit sets the number of requests that may run at once; below zero counts
// as zero. Running requests are never stopped: after a cut the seats in use
// fall as they end. An AIMD controller goes on from here, and from zero not at
// all.
func (s *Scheduler) SetLimit(n int) {
	s.mu.Lock()
	s.limiter.set(min(max(n, 0), maxSeats))
	s.applyLimitLocked()
	s.dispatchLocked()
	s.unlock()
}

// DrainAll makes Submit reject with ErrDraining from now on; what waits is
// still served.
func (s *Scheduler) DrainAll() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
}

// Close rejects new requests, ends all waits with ErrDraining and stops the
// sweeper before it returns. Requests that run may still Charge and Release. It
// may be called again.
func (s *Scheduler) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed, s.draining = true, true
	for _, c := range s.classes {
		for c.oldest != nil {
			s.endLocked(c.oldest, ReasonDraining, nil)
		}
	}
	s.unlock()
	if first {
		close(s.stop)
	}
	<-s.done
}
