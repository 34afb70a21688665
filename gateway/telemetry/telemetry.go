package telemetry

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// DefaultLabelLimit is the number of distinct values a label takes before
// further ones become "other".
const DefaultLabelLimit = 200

// Config is what of the metrics can be chosen. The zero value is the default.
type Config struct {
	LabelLimit int // distinct values per label; 0: DefaultLabelLimit
}

// Deps is what the metrics read. All functions are called during a scrape, maybe
// by several goroutines at once, and must not block. Any may be nil.
type Deps struct {
	Version, Commit string                    // for weir_build_info
	Queues          func() []QueueSnapshot    // one per upstream
	Upstreams       func() []EndpointSnapshot // one per endpoint of every upstream
	Gauges          func() Gauges
	AccessLog       *AccessLog       // whose dropped lines are counted
	Now             func() time.Time // nil: time.Now
}

// Telemetry is a registry and the metrics in it. All methods are safe for
// concurrent use.
type Telemetry struct {
	registry *prometheus.Registry
	deps     Deps
	labels   *labelLimits
	metrics  *metrics
	began    time.Time

	mu        sync.Mutex
	series    map[seriesKey]*Series
	durations map[pair]*window // by route and class
	lanes     map[pair]*lane   // by upstream and class
}

type seriesKey struct{ route, class, upstream string }

type pair struct{ name, class string }

// lane is what the routes of one upstream share within a class.
type lane struct {
	wait        window // time queued
	accountable window // latency that Weir answers for
}

// New makes the metrics, with those of the Go runtime and the process.
func New(cfg Config, deps Deps) *Telemetry {
	if cfg.LabelLimit <= 0 {
		cfg.LabelLimit = DefaultLabelLimit
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	t := &Telemetry{
		registry:  prometheus.NewRegistry(),
		deps:      deps,
		labels:    newLabelLimits(cfg.LabelLimit),
		began:     deps.Now(),
		series:    map[seriesKey]*Series{},
		durations: map[pair]*window{},
		lanes:     map[pair]*lane{},
	}
	t.metrics = newMetrics(deps)
	t.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&stateCollector{t: t},
		&latencyCollector{t: t},
	)
	t.registry.MustRegister(t.metrics.all()...)
	return t
}

// Gatherer is what /metrics serves.
func (t *Telemetry) Gatherer() prometheus.Gatherer { return t.registry }

// Register adds the metrics of another part of the process. The error is that of
// a name which is taken.
func (t *Telemetry) Register(c prometheus.Collector) error {
	if err := t.registry.Register(c); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Route returns the series of requests that take a route in a class and wait for
// an upstream. It is meant for the time a configuration is compiled; equal names
// give the same series for as long as the process lives, so that counters go on
// across reloads. Empty names stand for requests that were refused before there
// was a route, a class or an upstream.
func (t *Telemetry) Route(route, class, upstream string) *Series {
	route, class, upstream = t.labels.route.of(route), t.labels.class.of(class), t.labels.upstream.of(upstream)
	key := seriesKey{route, class, upstream}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.series[key]; s != nil {
		return s
	}
	s := newSeries(t, key)
	t.series[key] = s
	return s
}

// durationLocked returns the window of a route and class.
func (t *Telemetry) durationLocked(route, class string) *window {
	key := pair{route, class}
	w := t.durations[key]
	if w == nil {
		w = &window{}
		t.durations[key] = w
	}
	return w
}

// laneLocked returns the windows of an upstream and class.
func (t *Telemetry) laneLocked(upstream, class string) *lane {
	key := pair{upstream, class}
	l := t.lanes[key]
	if l == nil {
		l = &lane{}
		t.lanes[key] = l
	}
	return l
}

// elapsed is the monotonic time since New, which windows are kept in.
func (t *Telemetry) elapsed() time.Duration { return t.deps.Now().Sub(t.began) }

// DroppedClaims counts n X-Weir-* request headers that were not believed.
func (t *Telemetry) DroppedClaims(n int) { t.metrics.droppedClaims.Add(float64(n)) }

// ClientGone counts a client that hung up: while its request was "queued", while
// the "upstream" had not answered, or while the answer was "streaming". Any other
// stage counts as "other".
func (t *Telemetry) ClientGone(stage string) {
	if c := t.metrics.gone[stage]; c != nil {
		c.Inc()
		return
	}
	t.metrics.clientGone.WithLabelValues(otherValue).Inc()
}

// ConfigReloaded counts a reload and, if it was good, notes its time.
func (t *Telemetry) ConfigReloaded(ok bool) {
	if !ok {
		t.metrics.reloadFailed.Inc()
		return
	}
	t.metrics.reloadGood.Inc()
	t.metrics.reloadTime.Set(float64(t.deps.Now().UnixMilli()) / 1000)
}
