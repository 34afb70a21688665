package scheduler

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Defaults of the bounds in Config, used where the setting is zero.
const (
	// DefaultMaxRequests bounds the requests that wait in one pool.
	DefaultMaxRequests = 20000
	// DefaultMaxBytes bounds the bytes that waiting requests hold in memory.
	DefaultMaxBytes = 256 << 20
	// DefaultMaxFlows bounds the flows a pool remembers by name.
	DefaultMaxFlows = 65536
	// DefaultSpareTickets bounds the ended tickets kept for reuse.
	DefaultSpareTickets = 16384
	// DefaultMinRetryAfter is the least wait a rejection advises.
	DefaultMinRetryAfter = time.Second
	// DefaultMaxRetryAfter is the longest wait a rejection advises.
	DefaultMaxRetryAfter = time.Minute
	// DefaultMaxCost is two minutes of one seat, in micro-units.
	DefaultMaxCost = 120_000_000
	// DefaultCostPerSecond is what one busy seat costs per second when the
	// cost is seat time: a million micro-units.
	DefaultCostPerSecond = 1_000_000

	maxClasses  = 64      // one bit each in Scheduler.active
	maxWeight   = 1000    // keeps a tag step above one tag unit
	maxMaxCost  = 1 << 36 // 19 hours of a seat; keeps 4096 steps inside an int64
	maxSeats    = 1 << 24
	maxRequests = 1 << 27
	longestWait = 365 * 24 * time.Hour
)

// Config describes one pool: the queue in front of one upstream. The zero
// value of every bound means its documented default; Limit.Initial and at
// least one class must be given.
type Config struct {
	// Name names the pool in statistics.
	Name string `yaml:"name"`
	// Limit says how many requests may run at once.
	Limit LimitConfig `yaml:"limit"`
	// Queue bounds what waits.
	Queue QueueConfig `yaml:"queue"`
	// Classes lists the priority classes, most important first (1 to 64). The
	// order decides ties, headroom and who is displaced; the weights decide
	// the long-run shares.
	Classes []Class `yaml:"classes"`
	// MaxCost is the largest cost of one request in micro-units. A larger
	// estimate is cut to it, and a class or flow never owes more than about
	// twice as much, which bounds how long it can be shut out after a wrong
	// estimate. Default DefaultMaxCost, at most 2^36.
	MaxCost int64 `yaml:"max_cost"`
	// InitialCost is the estimate in micro-units for a request without one, as
	// long as neither its flow nor its class has finished a request. Default 1.
	InitialCost int64 `yaml:"initial_cost"`
	// CostPerSecond is what one busy seat costs per second, in micro-units. It
	// turns Class.Warp from seconds into cost and matters for nothing else.
	// Default DefaultCostPerSecond, which is right when cost is seat time.
	CostPerSecond int64 `yaml:"cost_per_second"`
	// AllowLargeHeadroom lifts the rule that the headroom of all classes
	// together is at most 5 % of the limit.
	AllowLargeHeadroom bool `yaml:"allow_large_headroom"`
}

// LimitMode says who decides how many requests run at once.
type LimitMode uint8

const (
	// Fixed keeps the limit at LimitConfig.Initial until SetLimit.
	Fixed LimitMode = iota
	// AIMD raises the limit by one after a limit's worth of successes and cuts
	// it by LimitConfig.Backoff when the upstream says that it is overloaded.
	AIMD
)

// LimitConfig configures the seats of a pool. All fields but Initial may be
// zero.
type LimitConfig struct {
	// Mode is Fixed or AIMD.
	Mode LimitMode `yaml:"mode"`
	// Initial is the first limit in seats. Zero is allowed: nothing is
	// dispatched before SetLimit.
	Initial int `yaml:"initial"`
	// Min and Max bound what AIMD does. Min defaults to 1 and Max to Initial;
	// SetLimit may go beyond both.
	Min int `yaml:"min"`
	Max int `yaml:"max"`
	// Backoff is the factor of a cut, in (0, 1). Default 0.8.
	Backoff float64 `yaml:"backoff"`
	// GrowAt is the part of the limit that must be in use for a success to
	// count towards growth, in (0, 1]. Default 0.8.
	GrowAt float64 `yaml:"grow_at"`
	// Hold is the least time between two cuts. Default 1 s. Besides, a request
	// that was dispatched before a cut cannot cause the next one, which is the
	// round trip that the controller must wait for.
	Hold time.Duration `yaml:"hold"`
}

// QueueConfig bounds the waiting requests of a pool and what it remembers.
type QueueConfig struct {
	// MaxRequests bounds the waiting requests. Default DefaultMaxRequests.
	MaxRequests int `yaml:"max_requests"`
	// MaxBytes bounds the sum of Request.Bytes that wait. Default
	// DefaultMaxBytes.
	MaxBytes int64 `yaml:"max_bytes"`
	// MaxFlows bounds the flows known by name; beyond it, new names of a class
	// share 256 overflow flows. Default DefaultMaxFlows.
	MaxFlows int `yaml:"max_flows"`
	// SpareTickets bounds the ended tickets kept for reuse (about 256 bytes
	// each). Default DefaultSpareTickets.
	SpareTickets int `yaml:"spare_tickets"`
	// MinRetryAfter and MaxRetryAfter bound Rejection.RetryAfter.
	MinRetryAfter time.Duration `yaml:"min_retry_after"`
	MaxRetryAfter time.Duration `yaml:"max_retry_after"`
}

// Class configures one priority class.
type Class struct {
	// Name identifies the class across Reconfigure; unique in a pool.
	Name string `yaml:"name"`
	// Weight is the long-run share of the pool relative to the other classes
	// that have work, 1 to 1000.
	Weight int `yaml:"weight"`
	// Warp is how far the class may run ahead of its share, as seconds of its
	// own share of the pool. It buys a burst the latency of strict priority.
	Warp time.Duration `yaml:"warp"`
	// Headroom is the number of seats that others leave free for the class
	// while it is inside its share.
	Headroom int `yaml:"headroom"`
	// MaxSeats caps the seats the class may use at once. Zero: no cap.
	MaxSeats SeatCap `yaml:"max_seats"`
	// MaxWait is the longest time a request of the class may wait. Zero: as
	// long as its own deadline allows.
	MaxWait time.Duration `yaml:"max_wait"`
	// QueueLimit bounds the waiting requests of the class. Zero: only the
	// pool's bound holds.
	QueueLimit int `yaml:"queue_limit"`
}

// withDefaults returns the config with every zero bound replaced.
func (c Config) withDefaults() Config {
	c.MaxCost = orDefault(c.MaxCost, DefaultMaxCost)
	c.InitialCost = orDefault(c.InitialCost, 1)
	c.CostPerSecond = orDefault(c.CostPerSecond, DefaultCostPerSecond)
	c.Queue.MaxRequests = orDefault(c.Queue.MaxRequests, DefaultMaxRequests)
	c.Queue.MaxBytes = orDefault(c.Queue.MaxBytes, DefaultMaxBytes)
	c.Queue.MaxFlows = orDefault(c.Queue.MaxFlows, DefaultMaxFlows)
	c.Queue.SpareTickets = orDefault(c.Queue.SpareTickets, DefaultSpareTickets)
	c.Queue.MinRetryAfter = orDefault(c.Queue.MinRetryAfter, DefaultMinRetryAfter)
	c.Queue.MaxRetryAfter = orDefault(c.Queue.MaxRetryAfter, max(c.Queue.MinRetryAfter, DefaultMaxRetryAfter))
	c.Limit.Min = orDefault(c.Limit.Min, 1)
	c.Limit.Max = orDefault(c.Limit.Max, max(c.Limit.Min, c.Limit.Initial))
	c.Limit.Backoff = orDefault(c.Limit.Backoff, 0.8)
	c.Limit.GrowAt = orDefault(c.Limit.GrowAt, 0.8)
	c.Limit.Hold = orDefault(c.Limit.Hold, time.Second)
	return c
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Validate reports everything that is wrong with the config, or nil. New and
// Reconfigure call it.
func (c Config) Validate() error {
	d := c.withDefaults()
	errs := append(d.Limit.check(), d.Queue.check()...)
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(d.MaxCost > 0 && d.MaxCost <= maxMaxCost, "max_cost is %d, must be 1 to %d", d.MaxCost, int64(maxMaxCost))
	bad(d.InitialCost > 0 && d.InitialCost <= d.MaxCost, "initial_cost is %d, must be 1 to max_cost %d", d.InitialCost, d.MaxCost)
	bad(d.CostPerSecond > 0, "cost_per_second is %d, must be positive", d.CostPerSecond)
	bad(len(d.Classes) >= 1 && len(d.Classes) <= maxClasses, "classes: %d given, must be 1 to %d", len(d.Classes), maxClasses)
	seen, headroom := make(map[string]bool, len(d.Classes)), 0
	for i, k := range d.Classes {
		bad(k.Name != "", "classes[%d]: name is empty", i)
		bad(!seen[k.Name], "class %q: given twice", k.Name)
		seen[k.Name] = true
		errs = append(errs, k.check()...)
		headroom += k.Headroom
	}
	allowed := headroomCap(d.Limit.most(), d.AllowLargeHeadroom)
	bad(headroom <= allowed || d.Limit.most() == 0, "headroom of all classes is %d, at most %d of %d seats (allow_large_headroom: %t)",
		headroom, allowed, d.Limit.most(), d.AllowLargeHeadroom)
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("scheduler: pool %q: %w", c.Name, errors.Join(errs...))
}

// most is the largest limit the pool reaches by itself.
func (l LimitConfig) most() int {
	if l.Mode == AIMD {
		return max(l.Initial, l.Max)
	}
	return l.Initial
}

// headroomCap is the number of seats that may be kept free at a limit: 5 %, so
// that a reserve stays cheap, or with large headroom all but one seat, so that
// the classes outside the reserve can still make progress.
func headroomCap(limit int, large bool) int {
	if large {
		return max(0, limit-1)
	}
	return min(limit/20, max(0, limit-1))
}

func (l LimitConfig) check() (errs []error) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(l.Mode <= AIMD, "limit: mode %d is unknown, must be fixed or aimd", l.Mode)
	bad(l.Initial >= 0 && l.Initial <= maxSeats, "limit: initial is %d, must be 0 to %d", l.Initial, maxSeats)
	bad(l.Min >= 1 && l.Min <= l.Max && l.Max <= maxSeats, "limit: min %d and max %d must satisfy 1 <= min <= max <= %d", l.Min, l.Max, maxSeats)
	bad(l.Backoff > 0 && l.Backoff < 1, "limit: backoff is %g, must be between 0 and 1", l.Backoff)
	bad(l.GrowAt > 0 && l.GrowAt <= 1, "limit: grow_at is %g, must be above 0, at most 1", l.GrowAt)
	bad(l.Hold > 0, "limit: hold is %s, must be positive", l.Hold)
	return errs
}

func (q QueueConfig) check() (errs []error) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(q.MaxRequests > 0 && q.MaxRequests <= maxRequests, "queue: max_requests is %d, must be 1 to %d", q.MaxRequests, maxRequests)
	bad(q.MaxBytes > 0, "queue: max_bytes is %d, must be positive", q.MaxBytes)
	bad(q.MaxFlows > 0 && q.MaxFlows <= maxRequests, "queue: max_flows is %d, must be 1 to %d", q.MaxFlows, maxRequests)
	bad(q.SpareTickets > 0, "queue: spare_tickets is %d, must be positive", q.SpareTickets)
	bad(q.MinRetryAfter > 0 && q.MinRetryAfter <= q.MaxRetryAfter, "queue: min_retry_after %s must be positive and at most max_retry_after %s", q.MinRetryAfter, q.MaxRetryAfter)
	return errs
}

func (k Class) check() (errs []error) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("class %q: "+format, append([]any{k.Name}, args...)...))
		}
	}
	bad(k.Weight >= 1 && k.Weight <= maxWeight, "weight is %d, must be 1 to %d", k.Weight, maxWeight)
	bad(k.Warp >= 0 && k.Warp <= time.Hour, "warp is %s, must be 0 to 1h", k.Warp)
	bad(k.Headroom >= 0 && k.Headroom <= maxSeats, "headroom is %d, must be 0 to %d", k.Headroom, maxSeats)
	bad(k.MaxWait >= 0 && k.MaxWait <= longestWait, "max_wait is %s, must be 0 to %s", k.MaxWait, longestWait)
	bad(k.QueueLimit >= 0, "queue_limit is %d, must not be negative", k.QueueLimit)
	if err := k.MaxSeats.check(); err != nil {
		bad(false, "max_seats: %w", err)
	}
	return errs
}

// noCap is the effective seat cap of a class without one.
const noCap = math.MaxInt
