package scheduler

import (
	"errors"
	"fmt"
	"time"
)

// The ways a request ends without being dispatched. A *Rejection matches the
// one of its Reason under errors.Is.
var (
	// ErrQueueFull: the queue holds nothing less important to displace.
	ErrQueueFull = errors.New("queue full")
	// ErrDisplaced: the request waited and gave its place to another one.
	ErrDisplaced = errors.New("displaced from the queue")
	// ErrExpired: the deadline or the class's MaxWait passed.
	ErrExpired = errors.New("expired while waiting")
	// ErrPredictedWait: the wait would be longer than the deadline allows.
	ErrPredictedWait = errors.New("predicted wait exceeds the deadline")
	// ErrBytes: the bytes of waiting requests are at their bound.
	ErrBytes = errors.New("queued bytes at their bound")
	// ErrDraining: the class or the pool takes no new requests.
	ErrDraining = errors.New("draining")
	// ErrCancelled: Cancel was called without a cause.
	ErrCancelled = errors.New("cancelled while waiting")
)

// Errors of wrong use. They are not rejections and count in no statistic.
var (
	// ErrNoClass: Request.Class or a class name is not in the configuration.
	ErrNoClass = errors.New("scheduler: no such class")
	// ErrStale: the ticket has ended before, or was never issued.
	ErrStale = errors.New("scheduler: ticket is no longer valid")
)

// Reason says why a request ended without being dispatched.
type Reason uint8

// The reasons, one per error above.
const (
	ReasonQueueFull Reason = iota
	ReasonDisplaced
	ReasonExpired
	ReasonPredictedWait
	ReasonBytes
	ReasonDraining
	ReasonCancelled
	// NumReasons is the number of reasons; Outcomes is indexed by them.
	NumReasons
)

// String returns the reason as a metric label: "queue_full", "displaced",
// "expired", "predicted_wait", "bytes", "draining" or "cancelled".
func (r Reason) String() string {
	switch r {
	case ReasonQueueFull:
		return "queue_full"
	case ReasonDisplaced:
		return "displaced"
	case ReasonExpired:
		return "expired"
	case ReasonPredictedWait:
		return "predicted_wait"
	case ReasonBytes:
		return "bytes"
	case ReasonDraining:
		return "draining"
	case ReasonCancelled:
		return "cancelled"
	default:
		return "unknown"
	}
}

func (r Reason) err() error {
	switch r {
	case ReasonQueueFull:
		return ErrQueueFull
	case ReasonDisplaced:
		return ErrDisplaced
	case ReasonExpired:
		return ErrExpired
	case ReasonPredictedWait:
		return ErrPredictedWait
	case ReasonBytes:
		return ErrBytes
	case ReasonDraining:
		return ErrDraining
	default:
		return ErrCancelled
	}
}

// Rejection is the error of Submit and Wait when a request is not dispatched.
type Rejection struct {
	// Reason says why; errors.Is finds the matching sentinel error.
	Reason Reason
	// Class is the name of the request's class.
	Class string
	// RetryAfter is when another try is worth while, within the bounds of
	// QueueConfig.
	RetryAfter time.Duration
	// Position is the place in the class's queue the request had or would have
	// had, counted from 1; an estimate, see Ticket.Position. Zero: unknown.
	Position int
	// PredictedWait is the wait the request would have had; zero: unknown.
	PredictedWait time.Duration
	// Waited is how long the request had waited.
	Waited time.Duration
}

// Error says what happened and when to come back.
func (r *Rejection) Error() string {
	return fmt.Sprintf("scheduler: class %q: %s (waited %s, predicted wait %s, retry after %s)",
		r.Class, r.Reason.err(), r.Waited, r.PredictedWait, r.RetryAfter)
}

// Unwrap returns the sentinel error of the reason.
func (r *Rejection) Unwrap() error { return r.Reason.err() }
