package telemetry

import "time"

// ScaleSignals are the numbers that an autoscaler reads.
type ScaleSignals struct {
	QueueLength          int           // requests that wait in this process
	LatencyP95           time.Duration // of what Weir answers for, over the last 60 s; 0: no requests
	LatencyOverloadRatio float64       // LatencyP95 / 1 s when above 1 s, else 0
	Pressure             float64       // factor on the replicas; 1: hold
}

// The rules that deploy's autoscaling recipes are written for: a queue between
// low and high per replica is fine and should become target when it is not;
// latency above its limit should come down to its target.
const (
	queueLow, queueTarget, queueHigh = 20, 100, 200
	latencyTarget, latencyLimit      = 500 * time.Millisecond, time.Second
)

// Scale computes the signals from the queues and the last minute's requests.
func (t *Telemetry) Scale() ScaleSignals {
	s := ScaleSignals{QueueLength: t.queueLength(), LatencyP95: t.accountableP95()}
	s.Pressure = 1
	if s.QueueLength < queueLow || s.QueueLength > queueHigh {
		s.Pressure = float64(s.QueueLength) / queueTarget
	}
	if s.LatencyP95 > latencyLimit {
		s.LatencyOverloadRatio = float64(s.LatencyP95) / float64(latencyLimit)
		s.Pressure = max(s.Pressure, float64(s.LatencyP95)/float64(latencyTarget))
	}
	return s
}

// accountableP95 is over all upstreams and classes together: a replica is slow
// or it is not, whoever its requests belong to.
func (t *Telemetry) accountableP95() time.Duration {
	at := t.elapsed()
	t.mu.Lock()
	lanes := make([]*lane, 0, len(t.lanes))
	for _, l := range t.lanes {
		lanes = append(lanes, l)
	}
	t.mu.Unlock()
	var sum tally
	for _, l := range lanes {
		sum.add(&l.accountable, at)
	}
	p95, _ := sum.quantile(0.95)
	return p95
}
