package admin

import (
	"context"
	"errors"
	"time"
)

// Gateway is what the admin listener needs of the gateway. All methods are called
// concurrently and, but for Reload, must not block.
type Gateway interface {
	// Ready says whether the gateway takes traffic, and if not, why.
	Ready() (ok bool, reason string)
	// Queues are the queues of all upstreams, in the order of configuration.
	Queues() []Queue
	// QueueOp changes a class in the queue of an upstream; b is set for OpBoost
	// only. The error is ErrNoUpstream or ErrNoClass for unknown names.
	QueueOp(upstream, class string, op Op, b Boost) error
	// Upstreams are all upstreams, in the order of configuration.
	Upstreams() []Upstream
	// ConfigYAML and ConfigJSON are the configuration in force, secrets masked.
	ConfigYAML() ([]byte, error)
	ConfigJSON() ([]byte, error)
	// Reload reads the configuration again. The error says what is wrong with it,
	// as file:line:column where that is known; then nothing has changed.
	Reload(ctx context.Context) error
	// Version is what is running, such as 1.4.0.
	Version() string
}

// What QueueOp and Reload may answer. Any other error of QueueOp is taken for a
// failure of the gateway, any other one of Reload for a bad configuration.
var (
	// ErrNoUpstream: there is no upstream of this name.
	ErrNoUpstream = errors.New("no such upstream")
	// ErrNoClass: the upstream has no class of this name.
	ErrNoClass = errors.New("no such class")
	// ErrNoReload: the gateway was started without a file to read again.
	ErrNoReload = errors.New("there is no configuration file to reload")
)

// Op is something that can be done to a class.
type Op string

// The operations, by their names in URLs.
const (
	OpPause  Op = "pause"  // stop dispatching; requests still queue
	OpResume Op = "resume" // end pause and drain
	OpDrain  Op = "drain"  // refuse new requests, serve those that wait
	OpBoost  Op = "boost"  // another weight for a while
)

// Boost is another weight for a class.
type Boost struct {
	Weight int           // 1 to MaxWeight
	For    time.Duration // more than 0, at most MaxBoost
}

// Bounds of a Boost.
const (
	MaxWeight = 1000
	MaxBoost  = 24 * time.Hour
)

// Queue is the queue in front of one upstream.
type Queue struct {
	Upstream    string  `json:"upstream"`
	Seats       int     `json:"seats"`  // how many requests the upstream may have at once
	InUse       int     `json:"in_use"` // seats taken; more than Seats for a while after a cut
	Queued      int     `json:"queued"`
	DemandSeats int     `json:"demand_seats"` // seats taken plus seats waited for
	Classes     []Class `json:"classes"`      // by rank
}

// Class is one class in the queue of an upstream. Counters begin when the process
// or, for a new class, its configuration did.
type Class struct {
	Class           string     `json:"class"`
	Weight          int        `json:"weight"`                // as configured
	EffectiveWeight int        `json:"effective_weight"`      // as in force, with a boost
	BoostUntil      *time.Time `json:"boost_until,omitempty"` // absent: no boost
	State           State      `json:"state"`
	Queued          int        `json:"queued"`
	OldestSeconds   float64    `json:"oldest_seconds"` // how long the first in the queue has waited
	InUse           int        `json:"in_use"`
	DemandSeats     int        `json:"demand_seats"`
	// Share is the part of the upstream's service that the class received since
	// the process began, 0 to 1, measured in seat time or tokens as charged. It
	// compares with ConfiguredShare only over times in which all classes had
	// something waiting: unused shares go to the others.
	Share           float64           `json:"share"`
	ConfiguredShare float64           `json:"configured_share"`           // weight over the sum of weights, 0 to 1
	WaitP50Seconds  *float64          `json:"wait_p50_seconds,omitempty"` // of the last 60 s; absent: nothing came
	WaitP95Seconds  *float64          `json:"wait_p95_seconds,omitempty"` // of the last 60 s; absent: nothing came
	Dispatched      uint64            `json:"dispatched"`
	Rejected        map[string]uint64 `json:"rejected"` // by reason, as in weir_rejected_total
	Flows           []Flow            `json:"flows"`    // those with the longest queues, longest first
}

// Flow is one caller's part of a class.
type Flow struct {
	Flow   string `json:"flow"` // the tenant, user, campaign, ... it is named by; empty: shared by those past the limit
	Queued int    `json:"queued"`
	InUse  int    `json:"in_use"`
}

// State is how a class is being treated.
type State string

// The states of a class. A class that is both paused and draining is paused.
const (
	StateOpen     State = "open"
	StatePaused   State = "paused"
	StateDraining State = "draining"
)

// Upstream is one upstream and its endpoints.
type Upstream struct {
	Upstream  string     `json:"upstream"`
	Protocol  string     `json:"protocol"` // openai, anthropic, gemini or http
	Adaptive  bool       `json:"adaptive"` // seats follow what the upstream bears
	Seats     int        `json:"seats"`
	InUse     int        `json:"in_use"`
	Fallback  []string   `json:"fallback"` // names of upstreams, in order
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one URL of an upstream.
type Endpoint struct {
	Endpoint    string `json:"endpoint"` // its URL without credentials
	Weight      int    `json:"weight"`
	Healthy     bool   `json:"healthy"` // by active checks; true without any
	Breaker     string `json:"breaker"` // closed, half_open or open
	InFlight    int    `json:"in_flight"`
	Connections int    `json:"connections"` // open ones, idle or not
	Requests    uint64 `json:"requests"`    // calls so far
	Failures    uint64 `json:"failures"`    // calls that the breaker counts as failed
	Retries     uint64 `json:"retries"`     // calls that repeated an earlier one
}
