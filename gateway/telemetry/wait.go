package telemetry

import "time"

// QueueWait returns the median and the 95th percentile of the time that requests
// of a class waited for an upstream over the last 60 s; ok is false when there
// were none.
func (t *Telemetry) QueueWait(upstream, class string) (p50, p95 time.Duration, ok bool) {
	t.mu.Lock()
	l := t.lanes[pair{upstream, class}]
	t.mu.Unlock()
	if l == nil {
		return 0, 0, false
	}
	var sum tally
	sum.add(&l.wait, t.elapsed())
	if p50, ok = sum.quantile(0.5); ok {
		p95, ok = sum.quantile(0.95)
	}
	return p50, p95, ok
}
