package scheduler

import "time"

// tagScale is the number of tag units per micro-unit of cost and weight one.
// It leaves a class of weight 1000 a step of four units for the least cost.
const tagScale = 1 << 12

// costBound cuts a single correction, so that cost*tagScale stays far inside
// an int64. It is 800 days of a seat.
const costBound = 1 << 46

// class is the state of one priority class; the scheduler's lock guards it.
type class struct {
	cfg  Class
	rank int    // index in Scheduler.classes; more important is smaller
	salt uint64 // keeps equal names in different classes apart in the table

	weight  int64 // in force: configured or boosted
	start   int64 // virtual start tag of the class's next request, tag units
	rem     int64 // cost*tagScale paid but not yet in start, below weight
	warp    int64 // tag units
	debtMax int64 // start - V is cut to this at a correction, tag units
	seatCap int   // seats at the limit in force

	v        int64 // virtual time of the class's flows, cost units
	heap     flowHeap
	buckets  buckets
	overflow []flow
	oldest   *node // waiting, by arrival
	newest   *node

	used  int // seats in use: the sum over its flows of running
	n     int // waiting: the sum over its flows of n
	bytes int64
	est   float64 // EWMA of the actual cost; 0: none yet
	rate  rateMeter

	jailed   bool // was passed over because of seatCap since its last dispatch
	paused   bool
	draining bool
	retired  bool  // removed from the configuration, serves what it has
	boosted  int64 // ns since the epoch at which the boost ends; 0: none

	ends  [NumReasons]ending
	count counters
}

// ending is the cause kept in a node that the scheduler itself has ended. Each
// class has one per reason, so that ending a hundred thousand waits allocates
// nothing; its waiter makes a Rejection of it.
type ending struct {
	class  *class
	reason Reason
}

func (e *ending) Error() string { return e.reason.err().Error() }

func newClass(k Class, salt uint64, v int64) *class {
	c := &class{cfg: k, salt: salt, weight: int64(k.Weight), start: v}
	for r := range c.ends {
		c.ends[r] = ending{c, Reason(r)}
	}
	return c
}

// counters are the totals of a class since it was created.
type counters struct {
	submitted   uint64
	dispatched  uint64
	ended       [NumReasons]uint64
	promotedIn  uint64
	promotedOut uint64
	served      int64 // cost
}

// advance moves the class's start tag by a cost, which may be negative. The
// remainder of the division is carried, so that no cost is ever lost.
func (c *class) advance(cost int64) {
	x := cost*tagScale + c.rem
	q, r := x/c.weight, x%c.weight
	if r < 0 {
		q, r = q-1, r+c.weight
	}
	c.start += q
	c.rem = r
}

// setWeight changes the weight in force. What the class is ahead or behind of
// v stays the same in cost, so that neither a debt nor a claim is made from it.
func (c *class) setWeight(weight, v int64) {
	if c.weight == weight {
		return
	}
	ahead := c.start - v
	c.start = v + mulDiv(ahead, c.weight, weight)
	c.rem = 0
	c.weight = weight
}

// mulDiv is a*b/d for small b and d without overflow in between.
func mulDiv(a, b, d int64) int64 {
	return a/d*b + a%d*b/d
}

// next returns the flow whose head is next.
func (c *class) next() *flow { return c.heap[0].f }

func (c *class) link(n *node) {
	n.older, n.newer = c.newest, nil
	if c.newest == nil {
		c.oldest = n
	} else {
		c.newest.newer = n
	}
	c.newest = n
}

// linkPromoted keeps the head of the list the oldest, which is what it is for.
func (c *class) linkPromoted(n *node) {
	if c.oldest == nil || n.arrived >= c.oldest.arrived {
		c.link(n)
		return
	}
	n.older, n.newer = nil, c.oldest
	c.oldest.older = n
	c.oldest = n
}

func (c *class) unlink(n *node) {
	if n.older == nil {
		c.oldest = n.newer
	} else {
		n.older.newer = n.newer
	}
	if n.newer == nil {
		c.newest = n.older
	} else {
		n.newer.older = n.older
	}
	n.older, n.newer = nil, nil
}

// The dispatch rate of a class is averaged over rateSpan of backlogged time,
// folded in steps of rateStep. After rateSpan without a backlog it says nothing
// any more about the capacity now.
const (
	rateSpan = 10 * int64(time.Second)
	rateStep = int64(time.Second) / 2
	rateSeen = 16 // dispatches before the rate predicts anything
)

// rateMeter measures dispatches per second while a class is backlogged. Time
// without a backlog does not count: it would measure the demand, and a first
// burst after a quiet hour would look as if it had to wait for an hour.
type rateMeter struct {
	since int64 // start of the backlogged time not in busy yet
	busy  int64 // backlogged time since the last fold, ns
	known int64 // backlogged time folded so far, at most rateSpan
	count int64 // dispatches since the last fold
	seen  int64 // dispatches folded so far
	rate  float64
	ended int64 // end of the last backlog
}

func (r *rateMeter) begin(now int64) {
	if now-r.ended > rateSpan {
		*r = rateMeter{}
	}
	r.since = now
}

func (r *rateMeter) end(now int64) {
	r.fold(now)
	r.ended = now
}

// fold brings the average up to now; the class must be backlogged.
func (r *rateMeter) fold(now int64) {
	r.busy += now - r.since
	r.since = now
	if r.busy < rateStep {
		return
	}
	r.known = min(r.known+r.busy, rateSpan)
	part := min(1, float64(r.busy)/float64(r.known))
	r.rate += part * (float64(r.count)*float64(time.Second)/float64(r.busy) - r.rate)
	r.seen += r.count
	r.busy, r.count = 0, 0
}

// wait returns how long k dispatches take at the measured rate; 0: unknown.
func (r *rateMeter) wait(k int) time.Duration {
	if r.seen < rateSeen || r.rate <= 0 {
		return 0
	}
	w := float64(k) / r.rate * float64(time.Second)
	return time.Duration(min(w, float64(365*24*time.Hour)))
}
