package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those that are pushed to. What is pulled is in collector.go.
type metrics struct {
	requests      *prometheus.CounterVec   // route, class, code
	rejected      *prometheus.CounterVec   // route, class, reason
	duration      *prometheus.HistogramVec // route, class, code
	firstByte     *prometheus.HistogramVec // route, class
	queueWait     *prometheus.HistogramVec // upstream, class
	upstream      *prometheus.HistogramVec // upstream, class, code
	droppedClaims prometheus.Counter
	clientGone    *prometheus.CounterVec        // stage
	gone          map[string]prometheus.Counter // its children by stage; never written to after newMetrics
	reloads       *prometheus.CounterVec        // result
	reloadGood    prometheus.Counter
	reloadFailed  prometheus.Counter
	reloadTime    prometheus.Gauge
	accessDropped prometheus.CounterFunc
	buildInfo     prometheus.Gauge
}

// latencyBuckets are the classic buckets in seconds, from a cache hit to a long
// generation. 0.5 and 1 are the edges that scaling rules ask for.
var latencyBuckets = [...]float64{
	.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
}

func newMetrics(deps Deps) *metrics {
	m := &metrics{
		requests: counters("weir_requests_total",
			"Requests that ended, by the status the client got (499: it left before its answer began).", "route", "class", "code"),
		rejected: counters("weir_rejected_total",
			"Requests that Weir itself refused, by reason, which is the code in the error sent to the client.", "route", "class", "reason"),
		duration: histograms("weir_request_duration_seconds",
			"Time from the first byte of a request to the last byte of its answer.", "route", "class", "code"),
		firstByte: histograms("weir_time_to_first_byte_seconds",
			"Time from the first byte of a request to the first byte of its upstream's answer.", "route", "class"),
		queueWait: histograms("weir_queue_wait_seconds",
			"Time that a request waited for a seat, whether or not it got one.", "upstream", "class"),
		upstream: histograms("weir_upstream_duration_seconds",
			"Time spent in calls to the upstream, retries included, up to the last byte of the answer.", "upstream", "class", "code"),
		droppedClaims: counter("weir_dropped_claims_total",
			"X-Weir-* request headers that were dropped because the caller may not assert them."),
		clientGone: counters("weir_client_disconnects_total",
			"Clients that hung up before their answer was complete, by how far the request had come.", "stage"),
		reloads: counters("weir_config_reloads_total",
			"Reloads of the configuration, by result (success or failure).", "result"),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weir_config_last_reload_success_timestamp_seconds",
			Help: "Unix time at which a configuration was last put in force.",
		}),
		gone:          map[string]prometheus.Counter{},
		accessDropped: droppedLines(deps.AccessLog),
		buildInfo:     buildInfo(deps),
	}
	// Series that alerts watch exist from the start, so that the first failure is
	// an increase and not the birth of a series.
	m.reloadGood, m.reloadFailed = m.reloads.WithLabelValues("success"), m.reloads.WithLabelValues("failure")
	for _, stage := range [...]string{"queued", "upstream", "streaming"} {
		m.gone[stage] = m.clientGone.WithLabelValues(stage)
	}
	m.reloadTime.Set(float64(deps.Now().UnixMilli()) / 1000)
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.requests, m.rejected, m.duration, m.firstByte, m.queueWait, m.upstream, m.droppedClaims,
		m.clientGone, m.reloads, m.reloadTime, m.accessDropped, m.buildInfo,
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// histograms makes a histogram that is scraped classic or native, as the
// Prometheus server asks. Native buckets are 10 % wide and at most 160.
func histograms(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: latencyBuckets[:],
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

func droppedLines(l *AccessLog) prometheus.CounterFunc {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "weir_access_log_dropped_total",
		Help: "Access log lines that were lost because the output was too slow or failed.",
	},
		func() float64 { return float64(l.Dropped()) })
}

func buildInfo(deps Deps) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "weir_build_info",
		Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{
			"version": deps.Version, "commit": deps.Commit, "goversion": runtime.Version(),
		},
	})
	g.Set(1)
	return g
}
