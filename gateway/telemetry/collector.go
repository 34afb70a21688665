package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stateCollector turns the snapshots of queues, endpoints and connections into
// metrics, once per scrape.
type stateCollector struct{ t *Telemetry }

// What stateCollector sends.
var (
	descQueueLength = desc("weir_queue_length",
		"Requests that wait in this process, over all upstreams and classes.")
	descClassQueueLength = desc("weir_class_queue_length", "Requests that wait.", "upstream", "class")
	descQueueOldest      = desc("weir_queue_oldest_seconds", "How long the request that waits longest has waited.", "upstream", "class")
	descDemand           = desc("weir_demand_seats", "Seats in use plus seats waited for.", "upstream", "class")
	descSeats            = desc("weir_seats", "Seats that the upstream has now.", "upstream")
	descSeatsInUse       = desc("weir_seats_in_use", "Seats that are taken; more than weir_seats for a while after the capacity was cut.", "upstream")
	descInFlight         = desc("weir_inflight_requests", "Requests that have begun and not ended, those that wait included.")
	descStreams          = desc("weir_streams", "Answers under way that are event streams.")
	descConnections      = desc("weir_connections", "Connections of clients.")
	descBreaker          = desc("weir_upstream_breaker_state", "0: closed, 1: half open, 2: open.", "upstream", "endpoint")
	descRetries          = desc("weir_retries_total", "Calls that were made again, by the endpoint that got the new call.", "upstream", "endpoint")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe sends the metrics that may be collected.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descQueueLength, descClassQueueLength, descQueueOldest, descDemand, descSeats, descSeatsInUse,
		descInFlight, descStreams, descConnections, descBreaker, descRetries,
	} {
		out <- d
	}
}

// Collect reads the snapshots.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	c.collectQueues(out)
	c.collectEndpoints(out)
	if c.t.deps.Gauges == nil {
		return
	}
	g := c.t.deps.Gauges()
	out <- gauge(descInFlight, float64(g.InFlight))
	out <- gauge(descStreams, float64(g.Streams))
	out <- gauge(descConnections, float64(g.Connections))
}

func (c *stateCollector) collectQueues(out chan<- prometheus.Metric) {
	// Upstreams and classes past the labels' limits share the name "other", and a
	// metric must come only once: they are added up before they are sent.
	classes, seats, length := map[pair]ClassSnapshot{}, map[string]QueueSnapshot{}, 0
	for _, q := range c.t.queues() {
		name := c.t.labels.upstream.of(q.Upstream)
		seats[name] = QueueSnapshot{Limit: seats[name].Limit + q.Limit, InUse: seats[name].InUse + q.InUse}
		for _, k := range q.Classes {
			length += k.Queued
			key := pair{name, c.t.labels.class.of(k.Class)}
			classes[key] = classes[key].plus(k)
		}
	}
	out <- gauge(descQueueLength, float64(length))
	for name, q := range seats {
		out <- gauge(descSeats, float64(q.Limit), name)
		out <- gauge(descSeatsInUse, float64(q.InUse), name)
	}
	for key, k := range classes {
		out <- gauge(descClassQueueLength, float64(k.Queued), key.name, key.class)
		out <- gauge(descQueueOldest, k.Oldest.Seconds(), key.name, key.class)
		out <- gauge(descDemand, float64(k.Demand), key.name, key.class)
	}
}

func (k ClassSnapshot) plus(o ClassSnapshot) ClassSnapshot {
	return ClassSnapshot{
		Queued: k.Queued + o.Queued, Oldest: max(k.Oldest, o.Oldest),
		InUse: k.InUse + o.InUse, Demand: k.Demand + o.Demand,
	}
}

func (c *stateCollector) collectEndpoints(out chan<- prometheus.Metric) {
	if c.t.deps.Upstreams == nil {
		return
	}
	all := map[[2]string]EndpointSnapshot{}
	for _, e := range c.t.deps.Upstreams() {
		key := [2]string{c.t.labels.upstream.of(e.Upstream), c.t.labels.endpoint.of(e.Endpoint)}
		all[key] = EndpointSnapshot{
			Breaker: max(all[key].Breaker, e.Breaker), Retries: all[key].Retries + e.Retries,
		}
	}
	for key, e := range all {
		out <- gauge(descBreaker, float64(e.Breaker), key[0], key[1])
		out <- prometheus.MustNewConstMetric(descRetries, prometheus.CounterValue, float64(e.Retries), key[0], key[1])
	}
}

func (t *Telemetry) queues() []QueueSnapshot {
	if t.deps.Queues == nil {
		return nil
	}
	return t.deps.Queues()
}

func (t *Telemetry) queueLength() (n int) {
	for _, q := range t.queues() {
		for _, k := range q.Classes {
			n += k.Queued
		}
	}
	return n
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// latencyCollector reads the windows of the last minute.
type latencyCollector struct{ t *Telemetry }

// What latencyCollector sends.
var (
	descDurationP95 = desc("weir_request_duration_p95_seconds",
		"95th percentile of the duration of requests over the last 60 s, without those refused at once; absent when there were none.", "route", "class")
	descWaitP95 = desc("weir_queue_wait_p95_seconds",
		"95th percentile of the time queued over the last 60 s; absent when nothing came to the queue.", "upstream", "class")
	descOverload = desc("weir_latency_overload_ratio",
		"P95 over the last 60 s of the latency that Weir answers for, divided by 1 s, when it is above 1 s; else 0.")
	descPressure = desc("weir_scale_pressure",
		"What an autoscaler should multiply the replicas by: 1 is hold. Computed from the queue length and the P95 of the latency that Weir answers for.")
)

// Describe sends the metrics that may be collected.
func (c *latencyCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDurationP95, descWaitP95, descOverload, descPressure} {
		out <- d
	}
}

// Collect computes the percentiles.
func (c *latencyCollector) Collect(out chan<- prometheus.Metric) {
	at := c.t.elapsed()
	durations, waits := c.t.windows()
	collectP95(out, descDurationP95, durations, at)
	collectP95(out, descWaitP95, waits, at)
	s := c.t.Scale()
	out <- gauge(descOverload, s.LatencyOverloadRatio)
	out <- gauge(descPressure, s.Pressure)
}

func collectP95(out chan<- prometheus.Metric, d *prometheus.Desc, windows map[pair]*window, at time.Duration) {
	for key, w := range windows {
		var sum tally
		sum.add(w, at)
		if v, ok := sum.quantile(0.95); ok {
			out <- gauge(d, v.Seconds(), key.name, key.class)
		}
	}
}

// windows copies which windows there are, so that reading them needs no lock.
func (t *Telemetry) windows() (durations, waits map[pair]*window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	durations, waits = make(map[pair]*window, len(t.durations)), make(map[pair]*window, len(t.lanes))
	for key, w := range t.durations {
		durations[key] = w
	}
	for key, l := range t.lanes {
		waits[key] = &l.wait
	}
	return durations, waits
}
