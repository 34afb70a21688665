package mock

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Statuses that are no answer of the HTTP kind but are counted beside those that are.
const (
	statusNone = 0   // no valid answer was sent, on purpose: reset, garbage, cut, hang
	statusGone = 499 // the client hung up first
)

// maxStatus bounds the statuses counted; the router's own never exceed it.
const maxStatus = 600

// keptAborts is how many of the latest aborts are described one by one.
const keptAborts = 256

// otherTag collects the tags beyond Config.MaxTags.
const otherTag = "(other)"

// tally counts. Hot counters are atomics; what needs a map is behind the lock and touched only by requests
// with a tag and by aborts.
type tally struct {
	endpoints []endpointTally // by route index
	models    []modelTally    // by model index
	maxTags   int

	inFlight    atomic.Int64
	maxInFlight atomic.Int64
	requests    atomic.Int64
	aborted     atomic.Int64
	limited     atomic.Int64
	faulted     atomic.Int64
	serviceTime atomic.Int64

	mu     sync.Mutex
	since  time.Time
	tags   map[string]*TagStats
	aborts []Abort // the oldest at index next once full
	next   int
}

type endpointTally struct {
	name   string
	status [maxStatus]atomic.Int64
}

type modelTally struct {
	name                                  string
	requests, tokensIn, cached, tokensOut atomic.Int64
}

func newTally(endpoints, models []string, maxTags int) *tally {
	t := &tally{
		endpoints: make([]endpointTally, len(endpoints)),
		models:    make([]modelTally, len(models)),
		maxTags:   maxTags,
		since:     time.Now(),
		tags:      map[string]*TagStats{},
	}
	for i, n := range endpoints {
		t.endpoints[i].name = n
	}
	for i, n := range models {
		t.models[i].name = n
	}
	return t
}

// enter counts a request that is being served, unless limit of them are already; 0 is no limit.
func (t *tally) enter(limit int) bool {
	n := t.inFlight.Add(1)
	if limit > 0 && n > int64(limit) {
		t.inFlight.Add(-1)
		return false
	}
	for {
		top := t.maxInFlight.Load()
		if n <= top || t.maxInFlight.CompareAndSwap(top, n) {
			return true
		}
	}
}

func (t *tally) leave() { t.inFlight.Add(-1) }

// ending is all that is counted of a request when it is over.
type ending struct {
	route     int
	status    int
	tag       string
	took      time.Duration
	fault     bool
	model     int // -1 when no model answered
	tokensIn  int
	cached    int
	tokensOut int
}

func (t *tally) end(e ending) {
	t.requests.Add(1)
	t.serviceTime.Add(int64(e.took))
	t.endpoints[e.route].status[e.status].Add(1)
	if e.fault {
		t.faulted.Add(1)
	}
	switch e.status {
	case 429:
		t.limited.Add(1)
	case statusGone:
		t.aborted.Add(1)
	}
	if e.model >= 0 {
		m := &t.models[e.model]
		m.requests.Add(1)
		m.tokensIn.Add(int64(e.tokensIn))
		m.cached.Add(int64(e.cached))
		m.tokensOut.Add(int64(e.tokensOut))
	}
	if e.tag != "" {
		t.endTagged(e)
	}
}

func (t *tally) endTagged(e ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ts := t.tagLocked(e.tag)
	ts.Requests++
	ts.ServiceTime += e.took
	ts.TokensIn += int64(e.tokensIn)
	ts.TokensOut += int64(e.tokensOut)
	switch {
	case e.status == 429:
		ts.Limited++
	case e.status == statusGone:
		ts.Aborted++
	case e.status >= 100 && e.status < 400:
		ts.Succeeded++
	default:
		ts.Failed++
	}
}

func (t *tally) tagLocked(tag string) *TagStats {
	ts, ok := t.tags[tag]
	if !ok && len(t.tags) >= t.maxTags {
		tag = otherTag
		ts, ok = t.tags[tag]
	}
	if !ok {
		ts = &TagStats{}
		t.tags[tag] = ts
	}
	return ts
}

func (t *tally) abort(a Abort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.aborts) < keptAborts {
		t.aborts = append(t.aborts, a)
		return
	}
	t.aborts[t.next] = a
	t.next = (t.next + 1) % keptAborts
}

func (t *tally) stats() Stats {
	st := Stats{
		Requests:    t.requests.Load(),
		InFlight:    t.inFlight.Load(),
		MaxInFlight: t.maxInFlight.Load(),
		Aborted:     t.aborted.Load(),
		Limited:     t.limited.Load(),
		Faulted:     t.faulted.Load(),
		ServiceTime: time.Duration(t.serviceTime.Load()),
		Endpoints:   map[string]map[int]int64{},
		Models:      map[string]ModelStats{},
		Tags:        map[string]TagStats{},
	}
	for i := range t.endpoints {
		e := &t.endpoints[i]
		for status := range e.status {
			if n := e.status[status].Load(); n > 0 {
				if st.Endpoints[e.name] == nil {
					st.Endpoints[e.name] = map[int]int64{}
				}
				st.Endpoints[e.name][status] = n
			}
		}
	}
	for i := range t.models {
		m := &t.models[i]
		if n := m.requests.Load(); n > 0 {
			ms := ModelStats{Requests: n, TokensIn: m.tokensIn.Load(), TokensCached: m.cached.Load(), TokensOut: m.tokensOut.Load()}
			st.Models[m.name] = ms
			st.TokensIn += ms.TokensIn
			st.TokensOut += ms.TokensOut
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	st.Since = t.since
	for tag, ts := range maps.All(t.tags) {
		st.Tags[tag] = *ts
	}
	st.Aborts = slices.Concat(t.aborts[t.next:], t.aborts[:t.next])
	return st
}

func (t *tally) reset() {
	for i := range t.endpoints {
		for status := range t.endpoints[i].status {
			t.endpoints[i].status[status].Store(0)
		}
	}
	for i := range t.models {
		m := &t.models[i]
		for _, c := range []*atomic.Int64{&m.requests, &m.tokensIn, &m.cached, &m.tokensOut} {
			c.Store(0)
		}
	}
	for _, c := range []*atomic.Int64{&t.requests, &t.aborted, &t.limited, &t.faulted, &t.serviceTime} {
		c.Store(0)
	}
	t.maxInFlight.Store(t.inFlight.Load())
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = time.Now()
	clear(t.tags)
	t.aborts, t.next = nil, 0
}
