package scheduler

import (
	"sync/atomic"
	"time"
)

// Request is what a caller wants to have served.
type Request struct {
	// Class is the index of the class in the configuration in force.
	Class int
	// Flow names the tenant (or user, or campaign) within the class; flows of
	// a class share its seats equally. The string is compared and copied,
	// never retained, so it may alias a request buffer. "" is a flow as well.
	Flow string
	// Cost is the estimated cost in micro-units. Zero: the average of the
	// flow, else of the class, else Config.InitialCost.
	Cost int64
	// Bytes is the memory the request holds while it waits, below 4 GiB.
	Bytes int64
	// Deadline is when the caller no longer wants an answer. Zero: never.
	Deadline time.Time
}

// Signal is what an answer says about the upstream's load, for AIMD.
type Signal uint8

const (
	// SignalIgnore says nothing: a client that left, an error of the client's
	// own making.
	SignalIgnore Signal = iota
	// SignalOK is a success.
	SignalOK
	// SignalOverload is a 429, 503, 529 or a timeout.
	SignalOverload
)

// Outcome is how a dispatched request ended.
type Outcome struct {
	// Cost is the actual cost in micro-units. Negative: the estimate stands.
	Cost int64
	// Complete says that the answer ended as it should, so that its cost may
	// teach the estimators. An aborted answer would teach too low a cost.
	Complete bool
	// Signal feeds the limit controller.
	Signal Signal
	// RetryAfter is the upstream's own advice; the limit does not grow before.
	RetryAfter time.Duration
}

// Ticket is a request's place: first in the queue, then on a seat. It is a
// small value to be copied freely; all methods are safe for concurrent use,
// and a ticket that has ended is recognised by its generation, so a late call
// through an old copy does nothing. The zero Ticket is stale.
type Ticket struct {
	n   *node
	gen uint64
}

// The phases of a node, in the low bits of its word below the generation. The
// parked bit says that the waiter sleeps on the channel, or that its wake-up
// has not been sent yet: as long as it is set the node is not reused.
const (
	phaseFree    = 0
	phaseQueued  = 1
	phaseGranted = 2
	phaseEnded   = 3
	phaseMask    = 3
	parked       = 4
	genShift     = 3
)

// node is the inside of a ticket. Only word and ready are used without the
// scheduler's lock. With its channel it takes 256 bytes: fields of disjoint
// phases share storage where that was needed to stay within it.
type node struct {
	s    *Scheduler
	word atomic.Uint64 // generation << genShift | parked | phase

	flow         *flow // of the queue or the seat
	prev, next   *node // neighbours in the flow; next also links spare nodes
	older, newer *node // neighbours in the class, by arrival

	slotNext *node  // wheel slot; later the chain of wake-ups to deliver
	slotPrev **node // what points here in the wheel slot; nil: not armed

	ready chan struct{} // made by the first Wait that parks, then kept
	cause error         // why the ticket ended

	seq     uint64 // arrival number in the pool; decides ties between flows
	arrived int64  // ns since the scheduler's epoch
	when    int64  // queued: the deadline, 0 for none; granted: the grant
	charged int64  // what class and flow have paid; queued: the estimate, 0 for none
	settled int64  // what is counted in the served cost so far
	bytes   uint32 // held while queued
	place   uint32 // running number in its flow, for Position
}

// Granted reports whether the ticket holds a seat. Right after Submit it says
// whether the request may go on without Wait.
func (t Ticket) Granted() bool {
	return t.n != nil && t.n.word.Load()&^parked == t.gen|phaseGranted
}

// Wait parks until the request is dispatched (nil) or has ended otherwise: a
// *Rejection, or the cause given to Cancel. One goroutine may wait, once; after
// an error the ticket is stale and needs no Release, after nil it holds a seat
// until Release.
func (t Ticket) Wait() error {
	if t.n == nil {
		return ErrStale
	}
	n := t.n
	if n.word.Load() == t.gen|phaseQueued {
		n.park(t.gen)
	}
	switch n.word.Load() &^ parked {
	case t.gen | phaseGranted:
		return nil
	case t.gen | phaseEnded:
		return n.s.collect(t)
	default:
		return ErrStale
	}
}

// park sleeps until the node's phase is settled and delivered. The channel may
// hold a wake-up of an earlier life of the node, hence the loop.
func (n *node) park(gen uint64) {
	if n.ready == nil {
		n.ready = make(chan struct{}, 1)
	}
	if !n.word.CompareAndSwap(gen|phaseQueued, gen|phaseQueued|parked) {
		return
	}
	for {
		<-n.ready
		if w := n.word.Load(); w&parked == 0 || w>>genShift != gen>>genShift {
			return
		}
	}
}

// deliver wakes the waiters of a chain. It runs without the lock, so that a
// woken goroutine does not run into it at once.
func deliver(n *node) {
	for n != nil {
		next := n.slotNext
		n.slotNext = nil
		ready := n.ready
		n.word.And(^uint64(parked))
		select {
		case ready <- struct{}{}:
		default: // it holds a wake-up already, which does as well
		}
		n = next
	}
}

// Cancel withdraws a waiting request, from any goroutine, in O(1). True: it
// will never be granted, and Wait returns the cause (ErrCancelled when nil).
// False: it has been granted or has ended; whoever owns the wait learns which,
// and has to Release a grant.
func (t Ticket) Cancel(cause error) bool {
	if t.n == nil {
		return false
	}
	if cause == nil {
		cause = ErrCancelled
	}
	return t.n.s.cancel(t, cause)
}

// Promote moves a waiting request to a more important class, to the end of the
// same flow there, in O(log flows). Its deadline stays. False: it does not
// wait any more, the class is unknown or not more important, or that class is
// draining or at its QueueLimit.
func (t Ticket) Promote(class int) bool {
	return t.n != nil && t.n.s.promote(t, class)
}

// Charge tells what a running request has cost so far, in micro-units, so that
// a long stream is paid while it runs and not after. It only ever adds; call
// it at most a few times per second and request.
func (t Ticket) Charge(actual int64) {
	if t.n != nil {
		t.n.s.charge(t, actual)
	}
}

// Release gives the seat back. It must be called exactly once for each grant,
// when the response body has ended or failed; further calls do nothing.
func (t Ticket) Release(o Outcome) {
	if t.n != nil {
		t.n.s.release(t, o)
	}
}

// Waited returns how long the request waited for its grant, or has waited so
// far. Zero once the ticket has ended.
func (t Ticket) Waited() time.Duration {
	if t.n == nil {
		return 0
	}
	return t.n.s.waited(t)
}

// Position returns the place in the class's queue, counted from 1; 0 when the
// ticket does not wait. It is an estimate: the flow's own requests ahead times
// the flows that take turns with it, at most the length of the queue.
func (t Ticket) Position() int {
	if t.n == nil {
		return 0
	}
	return t.n.s.position(t)
}
