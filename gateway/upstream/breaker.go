package upstream

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// BreakerState is how a breaker treats calls. The numbers are those of the metric
// weir_upstream_breaker_state.
type BreakerState int

// States of a breaker.
const (
	BreakerClosed   BreakerState = iota // calls go through
	BreakerHalfOpen                     // one call at a time probes whether the endpoint is back
	BreakerOpen                         // no call goes through
)

// String returns closed, half_open or open.
func (s BreakerState) String() string {
	switch s {
	case BreakerHalfOpen:
		return "half_open"
	case BreakerOpen:
		return "open"
	}
	return "closed"
}

// MarshalText returns what String does.
func (s BreakerState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var (
	errFailed  = errors.New("call failed")
	errIgnored = errors.New("call says nothing about the endpoint")
)

// breaker is a gobreaker with a way past it for the calls to a healthy endpoint,
// which are nearly all: gobreaker takes a lock and allocates for each call.
//
// While it is closed, calls share one *Endpoint, held in closed. That pointer is
// the generation: it is replaced whenever the breaker closes again, so a call that
// began before and ends after a change is recognised by its stale pointer and its
// result dropped. gobreaker itself hears only of failures and of the first success
// after one, since further successes change nothing in it. A probe has an Endpoint
// of its own, which carries gobreaker's callback.
//
// It reads the wall clock because gobreaker does.
type breaker struct {
	closed  atomic.Pointer[Endpoint] // nil unless closed
	failing atomic.Bool              // there were failures since the last success
	probing atomic.Bool              // a probe is under way
	retryAt atomic.Int64             // Unix nanoseconds from which a probe may be let through

	endpoint *backend
	changed  func(from, to BreakerState)

	mu      sync.Mutex // held around every use of cb
	cb      *gobreaker.TwoStepCircuitBreaker[struct{}]
	rules   Breaker
	pending []transition
}

type transition struct{ from, to BreakerState }

// init sets the breaker up, closed. changed is called after every change of
// state, without a lock held.
func (b *breaker) init(owner *backend, rules Breaker, changed func(from, to BreakerState)) {
	b.endpoint, b.changed = owner, changed
	b.configure(rules)
}

// configure applies new rules. A change of them closes the breaker, since
// gobreaker cannot change its own.
func (b *breaker) configure(rules Breaker) {
	b.mu.Lock()
	if b.cb != nil && b.rules == rules {
		b.mu.Unlock()
		return
	}
	if b.cb != nil && b.closed.Load() == nil {
		b.pending = append(b.pending, transition{stateOf(b.cb.State()), BreakerClosed})
	}
	b.rules = rules
	b.cb = b.newCircuit(rules)
	b.close()
	b.unlock()
}

func (b *breaker) newCircuit(rules Breaker) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	var cb *gobreaker.TwoStepCircuitBreaker[struct{}]
	cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     rules.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(rules.Failures) },
		IsExcluded:  func(err error) bool { return errors.Is(err, errIgnored) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if cb == b.cb { // else a probe of a circuit that was replaced
				b.onChange(stateOf(from), stateOf(to))
			}
		},
	})
	return cb
}

// onChange is called by gobreaker with b.mu held.
func (b *breaker) onChange(from, to BreakerState) {
	b.pending = append(b.pending, transition{from, to})
	switch to {
	case BreakerClosed:
		b.close()
	case BreakerOpen:
		b.retryAt.Store(time.Now().Add(b.rules.OpenFor).UnixNano())
		b.closed.Store(nil)
	}
}

// close begins a new generation of calls. b.mu is held.
func (b *breaker) close() {
	b.failing.Store(false)
	b.probing.Store(false)
	b.closed.Store(&Endpoint{b: b.endpoint})
}

// ready reports whether begin is likely to let a call through.
func (b *breaker) ready() bool {
	if b.closed.Load() != nil {
		return true
	}
	return !b.probing.Load() && time.Now().UnixNano() > b.retryAt.Load()
}

// begin lets a call through, or returns nil.
func (b *breaker) begin() *Endpoint {
	if ep := b.closed.Load(); ep != nil {
		return ep
	}
	b.mu.Lock()
	defer b.unlock()
	done, err := b.cb.Allow()
	if err != nil {
		return nil
	}
	if ep := b.closed.Load(); ep != nil { // it closed just now
		done(errIgnored)
		return ep
	}
	b.probing.Store(true)
	return &Endpoint{b: b.endpoint, probe: done}
}

// finish takes the result of a call that begin let through.
func (b *breaker) finish(ep *Endpoint, r Result) {
	if ep.probe == nil && (r == Ignored || r == Success && !b.failing.Load()) {
		return
	}
	b.mu.Lock()
	defer b.unlock()
	switch {
	case ep.probe != nil:
		b.probing.Store(false)
		ep.probe(errorOf(r))
	case ep == b.closed.Load():
		done, err := b.cb.Allow()
		if err != nil {
			return
		}
		b.failing.Store(r == Failure)
		done(errorOf(r))
	}
}

// state returns the state that a call would meet now.
func (b *breaker) state() BreakerState {
	if b.closed.Load() != nil {
		return BreakerClosed
	}
	b.mu.Lock()
	defer b.unlock()
	return stateOf(b.cb.State())
}

// unlock reports the changes that the holder of the lock caused.
func (b *breaker) unlock() {
	pending := b.pending
	b.pending = nil
	b.mu.Unlock()
	for _, t := range pending {
		b.changed(t.from, t.to)
	}
}

func errorOf(r Result) error {
	switch r {
	case Success:
		return nil
	case Failure:
		return errFailed
	}
	return errIgnored
}

func stateOf(s gobreaker.State) BreakerState {
	switch s {
	case gobreaker.StateOpen:
		return BreakerOpen
	case gobreaker.StateHalfOpen:
		return BreakerHalfOpen
	}
	return BreakerClosed
}
