package telemetry

import "time"

// QueueSnapshot is the queue of one upstream at a moment.
type QueueSnapshot struct {
	Upstream string
	Limit    int // seats
	InUse    int // seats taken
	Classes  []ClassSnapshot
}

// ClassSnapshot is one class in the queue of an upstream.
type ClassSnapshot struct {
	Class  string
	Queued int           // requests that wait
	Oldest time.Duration // how long the first of them has waited; 0: none waits
	InUse  int           // seats taken
	Demand int           // seats taken plus seats waited for
}

// EndpointSnapshot is one endpoint of an upstream at a moment.
type EndpointSnapshot struct {
	Upstream string
	Endpoint string // its URL without credentials
	Breaker  BreakerState
	Retries  uint64 // calls made again at this endpoint so far
}

// BreakerState says whether an endpoint is being left alone. The numbers are the
// values of weir_upstream_breaker_state.
type BreakerState int

// The states of a breaker.
const (
	BreakerClosed   BreakerState = 0 // calls go out
	BreakerHalfOpen BreakerState = 1 // a call is tried
	BreakerOpen     BreakerState = 2 // no calls
)

// Gauges are the counts of what is under way in the process.
type Gauges struct {
	InFlight    int // requests that have begun and not ended
	Streams     int // answers that are event streams
	Connections int // of clients
}
