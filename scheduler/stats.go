package scheduler

import (
	"slices"
	"time"
)

// Stats is what a pool looks like at one moment. Counters never decrease.
type Stats struct {
	// Name is the pool's name.
	Name string
	// Limit and Used are seats; Used may exceed Limit after a cut.
	Limit, Used int
	// Queued and QueuedBytes are what waits, of all classes.
	Queued      int
	QueuedBytes int64
	// Flows is the number of flows known by name.
	Flows int
	// V is the virtual time, in 1/4096 micro-units of cost per weight; it
	// never decreases, but wraps around.
	V int64
	// LimitChanges counts changes of the limit.
	LimitChanges uint64
	// DebtForgiven is the cost that was not charged because a class's debt was
	// at its bound, in micro-units.
	DebtForgiven int64
	// Draining: DrainAll or Close was called.
	Draining bool
	// Classes are the classes by rank, those removed but still serving last.
	Classes []ClassStats
}

// ClassStats is what one class looks like at one moment. Always
// Submitted + PromotedIn = Dispatched + PromotedOut + Queued + the sum of
// Outcomes.
type ClassStats struct {
	// Name is the class's name.
	Name string
	// Weight is the weight in force, ConfiguredWeight the one without a boost.
	Weight, ConfiguredWeight int
	// Queued and QueuedBytes are what waits; InUse are seats.
	Queued      int
	QueuedBytes int64
	InUse       int
	// Demand is InUse plus Queued: what an autoscaler sizes for.
	Demand int
	// SeatCap is the cap in seats at the limit in force; 0: none.
	SeatCap int
	// OldestWait is how long the oldest waiting request has waited.
	OldestWait time.Duration
	// DispatchRate is dispatches from the queue per second, averaged over the
	// last 10 s of backlog; 0: unknown.
	DispatchRate float64
	// ServedCost is the actual cost charged so far, in micro-units: of ended
	// requests, and of running ones what Charge has told.
	ServedCost int64
	// Submitted counts calls of Submit, Dispatched grants, Outcomes the ends
	// without a grant by Reason.
	Submitted, Dispatched uint64
	Outcomes              [NumReasons]uint64
	// PromotedIn and PromotedOut count moves by Ticket.Promote.
	PromotedIn, PromotedOut uint64
	// Paused, Draining and Retired (removed from the configuration) say how
	// the class is treated. BoostedFor is what is left of a boost.
	Paused, Draining, Retired bool
	BoostedFor                time.Duration
}

// Stats returns a snapshot. It costs a lock and a copy of one small struct per
// class, whatever the queue's length.
func (s *Scheduler) Stats() Stats {
	var st Stats
	s.AppendStats(&st)
	return st
}

// AppendStats overwrites dst with a snapshot and reuses the capacity of
// dst.Classes, so that a scrape need not allocate.
func (s *Scheduler) AppendStats(dst *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statsLocked(dst)
}

func (s *Scheduler) statsLocked(dst *Stats) {
	now := s.tickLocked()
	*dst = Stats{
		Name: s.cfg.Name, Limit: s.limiter.limit, Used: s.used,
		Queued: s.n, QueuedBytes: s.bytes, Flows: s.flows.n, V: s.v,
		LimitChanges: s.limiter.changes, DebtForgiven: s.forgiven, Draining: s.draining,
		Classes: slices.Grow(dst.Classes[:0], len(s.classes)),
	}
	for _, c := range s.classes {
		if !c.retired || c.n+c.used > 0 {
			dst.Classes = append(dst.Classes, c.stats(now))
		}
	}
}

func (c *class) stats(now int64) ClassStats {
	st := ClassStats{
		Name: c.cfg.Name, Weight: int(c.weight), ConfiguredWeight: c.cfg.Weight,
		Queued: c.n, QueuedBytes: c.bytes, InUse: c.used, Demand: c.n + c.used,
		ServedCost: c.count.served, Submitted: c.count.submitted, Dispatched: c.count.dispatched,
		Outcomes: c.count.ended, PromotedIn: c.count.promotedIn, PromotedOut: c.count.promotedOut,
		Paused: c.paused, Draining: c.draining, Retired: c.retired,
	}
	if c.seatCap != noCap {
		st.SeatCap = c.seatCap
	}
	if c.oldest != nil {
		st.OldestWait = time.Duration(now - c.oldest.arrived)
		c.rate.fold(now)
	}
	st.DispatchRate = c.rate.rate
	if c.boosted > now {
		st.BoostedFor = time.Duration(c.boosted - now)
	}
	return st
}
