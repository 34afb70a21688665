package scheduler

import (
	"math"
	"time"
)

// evictBatch bounds how many requests one arrival may displace to make room
// for its bytes.
const evictBatch = 256

// admitLocked decides whether an arrival that cannot start at once may wait,
// and displaces less entitled requests where the queue is full.
func (s *Scheduler) admitLocked(c *class, f *flow, r Request, deadline int64) (Reason, bool) {
	if f.n > 0 && deadline != 0 && s.predictLocked(c, f) > time.Duration(deadline-s.now) {
		return ReasonPredictedWait, false
	}
	if !s.bytesPossibleLocked(c, r.Bytes) {
		return ReasonBytes, false
	}
	if c.cfg.QueueLimit > 0 && c.n >= c.cfg.QueueLimit && !s.displaceLocked(c, c, f) {
		return ReasonQueueFull, false
	}
	if s.n >= s.cfg.Queue.MaxRequests && !s.displaceAnyLocked(c, f) {
		return ReasonQueueFull, false
	}
	if !s.makeBytesLocked(c, r.Bytes) {
		return ReasonBytes, false
	}
	return 0, true
}

// predictLocked estimates the wait of one more request of the flow: as many
// dispatches as flows take turns for each of its own, at the class's recent
// rate. It is 0 when the rate is unknown.
func (s *Scheduler) predictLocked(c *class, f *flow) time.Duration {
	if c.n == 0 {
		return 0
	}
	c.rate.fold(s.now)
	ahead := 0
	if f != nil {
		ahead = int(f.n)
	}
	return c.rate.wait(c.placeOf(ahead))
}

// placeOf returns the place in the class's queue of a request with that many
// of its own flow ahead.
func (c *class) placeOf(ahead int) int {
	return max(1, min(c.n, (ahead+1)*max(1, len(c.heap))))
}

// displaceLocked evicts the newest request of the longest flow of class k in
// favour of an arrival of flow f in class c; within c only when that makes the
// flows' lengths more equal.
func (s *Scheduler) displaceLocked(k, c *class, f *flow) bool {
	v := k.buckets.longest()
	if v == nil || (k == c && v.n <= f.n+1) {
		return false
	}
	s.endLocked(v.tail, ReasonDisplaced, nil)
	return true
}

// displaceAnyLocked displaces from the least important class up to c.
func (s *Scheduler) displaceAnyLocked(c *class, f *flow) bool {
	for i := len(s.classes) - 1; i >= c.rank; i-- {
		if s.displaceLocked(s.classes[i], c, f) {
			return true
		}
	}
	return false
}

// bytesPossibleLocked reports whether the bytes would fit if everything less
// important went.
func (s *Scheduler) bytesPossibleLocked(c *class, bytes int64) bool {
	if bytes < 0 || bytes > math.MaxUint32 {
		return false
	}
	over := s.bytes + bytes - s.cfg.Queue.MaxBytes
	for i := c.rank + 1; over > 0 && i < len(s.classes); i++ {
		over -= s.classes[i].bytes
	}
	return over <= 0
}

// makeBytesLocked displaces less important requests until the bytes fit.
func (s *Scheduler) makeBytesLocked(c *class, bytes int64) bool {
	i := len(s.classes) - 1
	for range evictBatch {
		if s.bytes+bytes <= s.cfg.Queue.MaxBytes {
			return true
		}
		for i > c.rank && s.classes[i].bytes == 0 {
			i--
		}
		if i <= c.rank || !s.displaceLocked(s.classes[i], c, nil) {
			return false
		}
	}
	return s.bytes+bytes <= s.cfg.Queue.MaxBytes
}

// rejectLocked counts a rejection at the door and unlocks.
func (s *Scheduler) rejectLocked(c *class, f *flow, reason Reason) (Ticket, error) {
	c.count.ended[reason]++
	r := s.rejectionLocked(c, f, reason)
	s.dispatchLocked()
	s.unlock()
	return Ticket{}, r
}

// rejectionLocked fills in what the class's queue looks like now.
func (s *Scheduler) rejectionLocked(c *class, f *flow, reason Reason) *Rejection {
	r := &Rejection{Reason: reason, Class: c.cfg.Name, PredictedWait: s.predictLocked(c, f)}
	if c.n > 0 && f != nil {
		r.Position = c.placeOf(int(f.n))
	}
	r.RetryAfter = min(max(r.PredictedWait, s.cfg.Queue.MinRetryAfter), s.cfg.Queue.MaxRetryAfter)
	return r
}
