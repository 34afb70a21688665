package upstream

import (
	"math/bits"
)

// Tried remembers the endpoints that a request has been to, the last eight of
// them. Its zero value is ready for use. It is not safe for concurrent use.
type Tried struct {
	n    int
	list [8]*backend
}

// Add notes that ep was tried.
func (t *Tried) Add(ep *Endpoint) {
	t.list[t.n%len(t.list)] = ep.b
	t.n++
}

// Reset forgets everything.
func (t *Tried) Reset() { *t = Tried{} }

func (t *Tried) has(b *backend) bool {
	for _, x := range t.list[:min(t.n, len(t.list))] {
		if x == b {
			return true
		}
	}
	return false
}

// member is an endpoint's place in a pool.
type member struct {
	b      *backend
	weight uint64
	upTo   uint64 // weights of all members up to and with this one
}

// filter says which members a choice is among. The zero value lets through those
// that are healthy.
type filter struct {
	tried  *Tried // these not
	anyone bool   // the unhealthy too
}

func (f filter) passes(m *member) bool {
	return m.weight > 0 && (f.anyone || !m.b.down.Load()) && m.b.breaker.ready() &&
		(f.tried == nil || !f.tried.has(m.b))
}

// Pick chooses the endpoint for a call: one that is healthy, whose breaker lets
// the call through and that is not in tried; if there is none, one that is in
// tried. When every endpoint in use fails its health checks, the checks are
// disbelieved and all are candidates. The call counts as in flight until
// [Endpoint.Done]. tried may be nil. The error is [ErrNoEndpoint].
func (p *Pool) Pick(tried *Tried) (*Endpoint, error) {
	again := tried != nil && tried.n > 0
	if !again {
		tried = nil
	}
	// Another call may begin the one probe of a breaker between choice and
	// begin; then the choice is made once more, without that endpoint.
	for range len(p.members) + 1 {
		m := p.choose(tried)
		if m == nil {
			return nil, ErrNoEndpoint
		}
		if ep := m.b.breaker.begin(); ep != nil {
			m.b.inFlight.Add(1)
			m.b.requests.Add(1)
			if again {
				m.b.retries.Add(1)
			}
			return ep, nil
		}
	}
	return nil, ErrNoEndpoint
}

// choose goes through the candidates from the best to the last resort.
func (p *Pool) choose(tried *Tried) *member {
	if tried != nil {
		if m := p.among(filter{tried: tried}); m != nil {
			return m
		}
	}
	if m := p.among(filter{}); m != nil {
		return m
	}
	if !p.allDown() {
		return nil
	}
	if m := p.among(filter{tried: tried, anyone: true}); m != nil {
		return m
	}
	return p.among(filter{anyone: true})
}

// allDown reports whether every member in use fails its checks.
func (p *Pool) allDown() bool {
	for i := range p.members {
		if m := &p.members[i]; m.weight > 0 && !m.b.down.Load() {
			return false
		}
	}
	return true
}

// among applies the pool's policy.
func (p *Pool) among(f filter) *member {
	if len(p.members) == 1 {
		if m := &p.members[0]; f.passes(m) {
			return m
		}
		return nil
	}
	switch p.balance {
	case leastInFlight:
		return p.leastInFlight(f)
	case weighted:
		return p.weighted(f)
	}
	return p.twoChoices(f)
}

// twoChoices draws two members by weight and takes the one with less to do for
// its weight ("power of two random choices"). It is nearly as even as comparing
// all, costs the same however many there are, and does not send every caller to
// the one that is idle just now.
func (p *Pool) twoChoices(f filter) *member {
	first := p.at(p.random(p.total))
	second := p.otherThan(first)
	if second != nil && f.passes(first) && f.passes(second) {
		return lighter(first, second)
	}
	return p.twoOfPassing(f)
}

// at returns the member in whose stretch of all weights n lies.
func (p *Pool) at(n uint64) *member {
	low, high := 0, len(p.members)-1
	for low < high {
		if mid := (low + high) / 2; n < p.members[mid].upTo {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return &p.members[low]
}

// otherThan draws one of the members but m, nil if m has all the weight.
func (p *Pool) otherThan(m *member) *member {
	rest := p.total - m.weight
	if rest == 0 {
		return nil
	}
	n := p.random(rest)
	if n >= m.upTo-m.weight {
		n += m.weight
	}
	return p.at(n)
}

// twoOfPassing is twoChoices when some members do not pass, which takes a look at
// each.
func (p *Pool) twoOfPassing(f filter) *member {
	var total uint64
	for i := range p.members {
		if m := &p.members[i]; f.passes(m) {
			total += m.weight
		}
	}
	if total == 0 {
		return nil
	}
	first := p.drawPassing(f, p.random(total), nil)
	if first == nil || first.weight >= total {
		return first
	}
	second := p.drawPassing(f, p.random(total-first.weight), first)
	if second == nil {
		return first
	}
	return lighter(first, second)
}

// drawPassing returns the member in whose stretch of the passing weights n lies.
// If members cease to pass meanwhile it returns the last one that does.
func (p *Pool) drawPassing(f filter, n uint64, but *member) (last *member) {
	for i := range p.members {
		m := &p.members[i]
		if m == but || !f.passes(m) {
			continue
		}
		if n < m.weight {
			return m
		}
		n -= m.weight
		last = m
	}
	return last
}

// lighter returns the member with fewer calls in flight for its weight, a if they
// are equal.
func lighter(a, b *member) *member {
	if uint64(max(b.b.inFlight.Load(), 0))*a.weight < uint64(max(a.b.inFlight.Load(), 0))*b.weight {
		return b
	}
	return a
}

// leastInFlight compares all members. Among equals the first one from a random
// start wins, which a greater weight makes likelier.
func (p *Pool) leastInFlight(f filter) *member {
	start := p.at(p.random(p.total))
	best := start
	if !f.passes(start) {
		best = nil
	}
	for i := range p.members {
		m := &p.members[i]
		if m == start || !f.passes(m) {
			continue
		}
		if best == nil {
			best = m
		} else {
			best = lighter(best, m)
		}
	}
	return best
}

// weighted is smooth weighted round robin: each member gains its weight, the one
// with most is chosen and pays the sum, so that {5, 1, 1} gives a a b a c a a and
// not five in a row.
func (p *Pool) weighted(f filter) *member {
	p.roundMu.Lock()
	defer p.roundMu.Unlock()
	best, total := -1, int64(0)
	for i := range p.members {
		m := &p.members[i]
		if !f.passes(m) {
			continue
		}
		total += int64(m.weight)
		p.round[i] += int64(m.weight)
		if best < 0 || p.round[i] > p.round[best] {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	p.round[best] -= total
	return &p.members[best]
}

// random returns a number below n, which is not zero.
func (p *Pool) random(n uint64) uint64 {
	high, _ := bits.Mul64(p.deps.Rand(), n)
	return high
}
