package telemetry

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Observation is what is known about a request that has ended. Durations that do
// not apply are zero.
type Observation struct {
	Code      int           // status of the answer; 499 for a client that left before it began
	Duration  time.Duration // from the first byte of the request to the end of the answer
	QueueWait time.Duration // time in the queue, with or without a seat at its end
	FirstByte time.Duration // from the first byte of the request to the first one of the answer; 0: there was none
	Upstream  time.Duration // in upstream calls; 0: there was none
	Queued    bool          // the request got a seat, at once or after waiting
	Reason    string        // why Weir refused it: the code in its error; empty: it did not
}

// Series counts the requests of one route, class and upstream. All methods are
// safe for concurrent use.
type Series struct {
	t              *Telemetry
	key            seriesKey
	scaleOnLatency atomic.Bool

	duration  *window
	lane      *lane
	firstByte prometheus.Observer
	queueWait prometheus.Observer

	// codes are the children of statuses 100 to 599, each from its first use on.
	codes [maxCode - minCode + 1]atomic.Pointer[codeSeries]

	mu      sync.Mutex // held to add a reason
	reasons atomic.Pointer[map[string]prometheus.Counter]
}

const minCode, maxCode = 100, 599

// codeSeries are the metrics that carry a code.
type codeSeries struct {
	requests prometheus.Counter
	duration prometheus.Observer
	upstream prometheus.Observer
}

// newSeries resolves what does not depend on a code; t.mu is held.
func newSeries(t *Telemetry, key seriesKey) *Series {
	s := &Series{
		t: t, key: key,
		duration:  t.durationLocked(key.route, key.class),
		lane:      t.laneLocked(key.upstream, key.class),
		firstByte: t.metrics.firstByte.WithLabelValues(key.route, key.class),
		queueWait: t.metrics.queueWait.WithLabelValues(key.upstream, key.class),
	}
	s.reasons.Store(&map[string]prometheus.Counter{})
	return s
}

// SetScaleOnLatency says whether the time of upstream calls counts in the
// latency that autoscalers are told. It is false by default.
func (s *Series) SetScaleOnLatency(on bool) { s.scaleOnLatency.Store(on) }

// Observe counts a request that has ended. It does not keep o.
func (s *Series) Observe(o *Observation) {
	c := s.code(o.Code)
	c.requests.Inc()
	c.duration.Observe(o.Duration.Seconds())
	if o.FirstByte > 0 {
		s.firstByte.Observe(o.FirstByte.Seconds())
	}
	if o.Upstream > 0 {
		c.upstream.Observe(o.Upstream.Seconds())
	}
	if o.Reason != "" {
		s.reason(o.Reason).Inc()
	}
	waited := o.Queued || o.QueueWait > 0
	if waited {
		s.queueWait.Observe(o.QueueWait.Seconds())
	}
	if o.Reason != "" && !waited {
		return // refused at once: would hide what the others go through
	}
	s.observeWindows(o, waited)
}

func (s *Series) observeWindows(o *Observation, waited bool) {
	at := s.t.elapsed()
	s.duration.observe(at, o.Duration)
	if waited {
		s.lane.wait.observe(at, o.QueueWait)
	}
	accountable := o.Duration
	if !s.scaleOnLatency.Load() {
		accountable -= o.Upstream
	}
	s.lane.accountable.observe(at, accountable)
}

func (s *Series) code(code int) *codeSeries {
	if code < minCode || code > maxCode {
		code = minCode - 1
	} else if c := s.codes[code-minCode].Load(); c != nil {
		return c
	}
	return s.resolve(code)
}

// resolve looks up the children of a code. Losing a race only repeats the work:
// the registry gives the same children.
func (s *Series) resolve(code int) *codeSeries {
	label := otherValue
	if code >= minCode {
		label = s.t.labels.code.of(strconv.Itoa(code))
	}
	m, k := s.t.metrics, &s.key
	c := &codeSeries{
		requests: m.requests.WithLabelValues(k.route, k.class, label),
		duration: m.duration.WithLabelValues(k.route, k.class, label),
		upstream: m.upstream.WithLabelValues(k.upstream, k.class, label),
	}
	if code >= minCode {
		s.codes[code-minCode].Store(c)
	}
	return c
}

func (s *Series) reason(reason string) prometheus.Counter {
	if c := (*s.reasons.Load())[reason]; c != nil {
		return c
	}
	return s.addReason(reason)
}

// addReason copies the map, which is read without a lock. Values past the
// label's limit are not remembered: the map is as bounded as the label.
func (s *Series) addReason(reason string) prometheus.Counter {
	label := s.t.labels.reason.of(reason)
	c := s.t.metrics.rejected.WithLabelValues(s.key.route, s.key.class, label)
	if label != reason {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.reasons.Load())
	next[strings.Clone(reason)] = c
	s.reasons.Store(&next)
	return c
}
