package mock

import (
	"sync"
	"time"
)

// What the vendor headers announce when no limit is set.
const (
	nominalRequests = 10000
	nominalTokens   = 2_000_000
)

// limits are the two windows of the model endpoints. A window opens with its first request, as a fixed
// interval: simple to predict in a test, and what the vendors' headers describe.
type limits struct {
	requests, tokens int // per window; 0 is none
	window           time.Duration

	mu    sync.Mutex
	state windowState
}

// windowState is guarded by limits.mu.
type windowState struct {
	opened                   time.Time
	usedRequests, usedTokens int
}

// quota is what is left after a request was counted, for the vendors' headers.
type quota struct {
	limitRequests, leftRequests int
	limitTokens, leftTokens     int
	reset                       time.Duration
	refused                     string // "requests" or "tokens" when the request is over a limit
}

func newLimits(cfg Config) *limits {
	return &limits{requests: cfg.RequestsPerMinute, tokens: cfg.TokensPerMinute, window: cfg.Window}
}

// take counts one request of so many tokens, unless that is above a limit. A request larger than a whole
// window passes when the window is fresh; it would never pass otherwise.
func (l *limits) take(now time.Time, tokens int) quota {
	q := quota{
		limitRequests: nominalRequests, leftRequests: nominalRequests - 1,
		limitTokens: nominalTokens, leftTokens: max(0, nominalTokens-tokens),
	}
	if l.requests == 0 && l.tokens == 0 {
		return q
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st := &l.state
	if now.Sub(st.opened) >= l.window {
		*st = windowState{opened: now}
	}
	q.reset = st.opened.Add(l.window).Sub(now)
	switch {
	case l.requests > 0 && st.usedRequests >= l.requests:
		q.refused = "requests"
	case l.tokens > 0 && st.usedTokens > 0 && st.usedTokens+tokens > l.tokens:
		q.refused = "tokens"
	default:
		st.usedRequests++
		st.usedTokens += tokens
	}
	if l.requests > 0 {
		q.limitRequests, q.leftRequests = l.requests, l.requests-st.usedRequests
	}
	if l.tokens > 0 {
		q.limitTokens, q.leftTokens = l.tokens, max(0, l.tokens-st.usedTokens)
	}
	return q
}

func (l *limits) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = windowState{}
}
