package telemetry

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// populated has a value in every metric there is.
func populated(c *clock) *Telemetry {
	t := New(Config{}, Deps{
		Version: "1.2.3", Commit: "abc", Now: c.Now,
		Queues: func() []QueueSnapshot {
			return []QueueSnapshot{{Upstream: "openai", Limit: 64, InUse: 3, Classes: []ClassSnapshot{
				{Class: "vip", Queued: 2, Oldest: 1500 * time.Millisecond, InUse: 3, Demand: 5},
				{Class: "batch", Queued: 40, Oldest: time.Minute, Demand: 40},
			}}}
		},
		Upstreams: func() []EndpointSnapshot {
			return []EndpointSnapshot{{Upstream: "openai", Endpoint: "https://a", Breaker: BreakerOpen, Retries: 7}}
		},
		Gauges: func() Gauges { return Gauges{InFlight: 5, Streams: 2, Connections: 9} },
	})
	s := t.Route("llm", "vip", "openai")
	s.Observe(&Observation{
		Code: 200, Duration: 3 * time.Second, QueueWait: 250 * time.Millisecond,
		FirstByte: 300 * time.Millisecond, Upstream: 2700 * time.Millisecond, Queued: true,
	})
	s.Observe(&Observation{Code: 429, Duration: time.Millisecond, Reason: "queue_full"})
	t.DroppedClaims(2)
	t.ClientGone("queued")
	t.ConfigReloaded(true)
	t.ConfigReloaded(false)
	return t
}

// describe lists our metrics as name, type and label names.
func describe(t *testing.T, tel *Telemetry) []string {
	families, err := tel.Gatherer().Gather()
	require.NoError(t, err)
	var lines []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "weir_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		line := fmt.Sprintf("%s %s{%s}", strings.ToLower(f.GetType().String()), f.GetName(), strings.Join(labels, ","))
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestMetricNamesAreGolden(t *testing.T) {
	const file = "testdata/metrics.golden"
	got := strings.Join(describe(t, populated(newClock())), "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestMetricsLintClean(t *testing.T) {
	problems, err := testutil.GatherAndLint(populated(newClock()).Gatherer())
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestStateIsReadAtScrape(t *testing.T) {
	err := testutil.GatherAndCompare(populated(newClock()).Gatherer(), strings.NewReader(`
# HELP weir_queue_length Requests that wait in this process, over all upstreams and classes.
# TYPE weir_queue_length gauge
weir_queue_length 42
# HELP weir_class_queue_length Requests that wait.
# TYPE weir_class_queue_length gauge
weir_class_queue_length{class="batch",upstream="openai"} 40
weir_class_queue_length{class="vip",upstream="openai"} 2
# HELP weir_queue_oldest_seconds How long the request that waits longest has waited.
# TYPE weir_queue_oldest_seconds gauge
weir_queue_oldest_seconds{class="batch",upstream="openai"} 60
weir_queue_oldest_seconds{class="vip",upstream="openai"} 1.5
# HELP weir_demand_seats Seats in use plus seats waited for.
# TYPE weir_demand_seats gauge
weir_demand_seats{class="batch",upstream="openai"} 40
weir_demand_seats{class="vip",upstream="openai"} 5
# HELP weir_upstream_breaker_state 0: closed, 1: half open, 2: open.
# TYPE weir_upstream_breaker_state gauge
weir_upstream_breaker_state{endpoint="https://a",upstream="openai"} 2
# HELP weir_retries_total Calls that were made again, by the endpoint that got the new call.
# TYPE weir_retries_total counter
weir_retries_total{endpoint="https://a",upstream="openai"} 7
# HELP weir_streams Answers under way that are event streams.
# TYPE weir_streams gauge
weir_streams 2
`), "weir_queue_length", "weir_class_queue_length", "weir_queue_oldest_seconds", "weir_demand_seats",
		"weir_upstream_breaker_state", "weir_retries_total", "weir_streams")
	assert.NoError(t, err)
}

func TestObserveCounts(t *testing.T) {
	tel := populated(newClock())
	tel.Route("llm", "vip", "openai").Observe(&Observation{Code: 999})
	tel.Route("llm", "vip", "openai").Observe(&Observation{Code: -1})
	assert.NoError(t, testutil.GatherAndCompare(tel.Gatherer(), strings.NewReader(`
# HELP weir_requests_total Requests that ended, by the status the client got (499: it left before its answer began).
# TYPE weir_requests_total counter
weir_requests_total{class="vip",code="200",route="llm"} 1
weir_requests_total{class="vip",code="429",route="llm"} 1
weir_requests_total{class="vip",code="other",route="llm"} 2
# HELP weir_rejected_total Requests that Weir itself refused, by reason, which is the code in the error sent to the client.
# TYPE weir_rejected_total counter
weir_rejected_total{class="vip",reason="queue_full",route="llm"} 1
`), "weir_requests_total", "weir_rejected_total"))
}

func TestRouteGivesTheSameSeriesAgain(t *testing.T) {
	tel := New(Config{}, Deps{})
	assert.Same(t, tel.Route("a", "b", "c"), tel.Route("a", "b", "c"))
	assert.NotSame(t, tel.Route("a", "b", "c"), tel.Route("a", "b", "d"))
}

func TestLabelsAreBounded(t *testing.T) {
	queues := make([]QueueSnapshot, 0, 300)
	for i := range 300 {
		queues = append(queues, QueueSnapshot{Upstream: fmt.Sprint("u", i), Limit: 1, Classes: []ClassSnapshot{{Class: "c", Queued: 1}}})
	}
	endpoints := make([]EndpointSnapshot, 0, 300)
	for i := range 300 {
		endpoints = append(endpoints, EndpointSnapshot{Upstream: "u0", Endpoint: fmt.Sprint("e", i), Retries: 1})
	}
	tel := New(Config{}, Deps{
		Queues:    func() []QueueSnapshot { return queues },
		Upstreams: func() []EndpointSnapshot { return endpoints },
	})
	for i := range 300 {
		s := tel.Route(fmt.Sprint("r", i), "c", "u0")
		s.Observe(&Observation{Code: 200 + i, Queued: true, QueueWait: 1, Reason: fmt.Sprint("reason", i), FirstByte: 1, Upstream: 1})
		tel.ClientGone(fmt.Sprint("stage", i))
	}
	families, err := tel.Gatherer().Gather()
	require.NoError(t, err)
	for _, f := range families {
		values := map[string]map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if values[l.GetName()] == nil {
					values[l.GetName()] = map[string]bool{}
				}
				values[l.GetName()][l.GetValue()] = true
			}
		}
		for name, set := range values {
			assert.LessOrEqual(t, len(set), DefaultLabelLimit+1, "%s of %s", name, f.GetName())
		}
	}
	assert.Equal(t, 201, testutil.CollectAndCount(&stateCollector{t: tel}, "weir_seats"))
	assert.Equal(t, 201, testutil.CollectAndCount(&stateCollector{t: tel}, "weir_retries_total"))
	assert.Same(t, tel.Route("r250", "c", "u0"), tel.Route("r299", "c", "u0"), "both are other")
}

func TestLabelValuesAreMadeUTF8(t *testing.T) {
	tel := New(Config{}, Deps{})
	tel.Route("a\xff", "b", "c").Observe(&Observation{Code: 200, Reason: "x\xff", Queued: true})
	_, err := tel.Gatherer().Gather()
	assert.NoError(t, err)
}

func TestPercentilesAreAbsentWithoutRequests(t *testing.T) {
	c := newClock()
	tel := populated(c)
	names := []string{"weir_request_duration_p95_seconds", "weir_queue_wait_p95_seconds"}
	assert.Equal(t, 2, testutil.CollectAndCount(&latencyCollector{t: tel}, names...))
	c.advance(66 * time.Second)
	assert.Equal(t, 0, testutil.CollectAndCount(&latencyCollector{t: tel}, names...))
}

func TestRefusalsAtOnceAreInNoPercentile(t *testing.T) {
	c := newClock()
	tel := New(Config{}, Deps{Now: c.Now})
	s := tel.Route("r", "c", "u")
	s.Observe(&Observation{Code: 503, Duration: 30 * time.Second, QueueWait: 30 * time.Second, Reason: "queue_timeout"})
	for range 1000 {
		s.Observe(&Observation{Code: 429, Duration: time.Millisecond, Reason: "queue_full"})
	}
	assert.InEpsilon(t, 30*time.Second, tel.Scale().LatencyP95, 0.05)
}

func TestScale(t *testing.T) {
	tests := []struct {
		name     string
		queued   int
		p95      time.Duration // 0: no requests
		overload float64
		pressure float64
	}{
		{"nothing", 0, 0, 0, 0},
		{"just below the band", 19, 0, 0, 0.19},
		{"lower edge", 20, 0, 0, 1},
		{"upper edge", 200, 0, 0, 1},
		{"just above the band", 201, 0, 0, 2.01},
		{"latency at its limit", 100, time.Second, 0, 1},
		{"latency above", 100, 1500 * time.Millisecond, 1.5, 3},
		{"latency above, nothing queued", 0, 1500 * time.Millisecond, 1.5, 3},
		{"queue asks for more than latency", 900, 1500 * time.Millisecond, 1.5, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			tel := New(Config{}, Deps{Now: c.Now, Queues: func() []QueueSnapshot {
				return []QueueSnapshot{
					{Upstream: "a", Classes: []ClassSnapshot{{Class: "x", Queued: tt.queued / 2}}},
					{Upstream: "b", Classes: []ClassSnapshot{{Class: "x", Queued: tt.queued - tt.queued/2}}},
				}
			}})
			if tt.p95 > 0 {
				tel.Route("r", "c", "u").Observe(&Observation{Code: 200, Duration: tt.p95})
			}
			got := tel.Scale()
			assert.Equal(t, tt.queued, got.QueueLength)
			assert.InDelta(t, tt.overload, got.LatencyOverloadRatio, 0.05*tt.overload)
			assert.InDelta(t, tt.pressure, got.Pressure, 0.05*tt.pressure)
		})
	}
}

func TestScaleCountsUpstreamTimeOnlyWhereAsked(t *testing.T) {
	o := &Observation{Code: 200, Duration: 10 * time.Second, Upstream: 9900 * time.Millisecond, Queued: true}
	tel := New(Config{}, Deps{Now: newClock().Now})
	s := tel.Route("r", "c", "u")
	s.Observe(o)
	assert.Zero(t, tel.Scale().LatencyOverloadRatio)
	s.SetScaleOnLatency(true)
	s.Observe(o)
	assert.InEpsilon(t, 10.0, tel.Scale().LatencyOverloadRatio, 0.05)
}

func TestObserveIsSafeForConcurrentUse(t *testing.T) {
	tel := New(Config{}, Deps{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			s := tel.Route("r", "c", "u")
			for i := range 500 {
				s.Observe(&Observation{Code: 200 + (g+i)%300, Duration: time.Millisecond, Queued: true, Reason: fmt.Sprint("r", i%50)})
			}
		})
		wg.Go(func() {
			_, err := tel.Gatherer().Gather()
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 2000, tel.Route("r", "c", "u").total())
}

// total adds up weir_requests_total of a series.
func (s *Series) total() (n float64) {
	for i := range s.codes {
		if c := s.codes[i].Load(); c != nil && s.t.labels.code.of(fmt.Sprint(i+minCode)) != otherValue {
			n += testutil.ToFloat64(c.requests)
		}
	}
	return n + testutil.ToFloat64(s.t.metrics.requests.WithLabelValues("r", "c", otherValue))
}

func TestObserveDoesNotAllocate(t *testing.T) {
	tel := New(Config{}, Deps{})
	s := tel.Route("r", "c", "u")
	o := &Observation{Code: 429, Duration: time.Second, QueueWait: time.Second, FirstByte: 1, Upstream: 1, Queued: true, Reason: "queue_full"}
	s.Observe(o)
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.Observe(o) }))
}
