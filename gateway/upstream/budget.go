package upstream

import (
	"sync"
	"time"
)

const (
	budgetSpan  = 10 // seconds that the budget looks back
	budgetFloor = 3  // retries in them that need no requests to pay for
)

// budget bounds retries to a share of the requests of the last ten seconds, so
// that an upstream in trouble is not buried under them.
type budget struct {
	mu                sync.Mutex
	now               func() time.Time
	percent           uint64
	second            int64 // that seconds[second % budgetSpan] is for
	seconds           [budgetSpan]tally
	requests, retries uint64 // over all seconds
}

type tally struct{ requests, retries uint64 }

func (b *budget) count() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance().requests++
	b.requests++
}

func (b *budget) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.advance()
	if b.retries >= max(budgetFloor, b.requests*b.percent/100) {
		return false
	}
	current.retries++
	b.retries++
	return true
}

// advance forgets the seconds that have passed and returns the current one. A
// clock that goes back stays in the second it was in.
func (b *budget) advance() *tally {
	now := b.now().Unix()
	if now-b.second >= budgetSpan {
		b.seconds, b.requests, b.retries = [budgetSpan]tally{}, 0, 0
		b.second = now
	}
	for b.second < now {
		b.second++
		old := &b.seconds[b.second%budgetSpan]
		b.requests -= old.requests
		b.retries -= old.retries
		*old = tally{}
	}
	return &b.seconds[b.second%budgetSpan]
}
