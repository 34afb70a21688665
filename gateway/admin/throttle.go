package admin

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// How wrong tokens are answered: a few for free, then a pause that doubles.
const (
	freeFailures  = 3
	firstPause    = time.Second
	longestPause  = 30 * time.Second
	forgetAfter   = 10 * time.Minute
	throttlePeers = 4096
)

// throttle remembers which addresses presented wrong tokens. It holds a bounded
// number of them and forgets the one that has been quiet for longest.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	peers map[netip.Prefix]*list.Element
	order list.List // of *offender, the latest first
}

type offender struct {
	peer     netip.Prefix
	failures int
	last     time.Time
	until    time.Time // answered 429 until then
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, peers: map[netip.Prefix]*list.Element{}}
}

// network is what counts as one peer: an IPv4 address, or the /64 that an IPv6
// client can choose addresses from.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// wait is how long the peer has to wait before its token is looked at; 0: not.
func (t *throttle) wait(a netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.peers[network(a)]
	if e == nil {
		return 0
	}
	return max(e.Value.(*offender).until.Sub(t.now()), 0)
}

// failed notes a wrong token.
func (t *throttle) failed(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, o := t.now(), t.offenderLocked(network(a))
	if now.Sub(o.last) > forgetAfter {
		o.failures = 0
	}
	o.failures++
	o.last = now
	if over := o.failures - freeFailures; over > 0 {
		o.until = now.Add(min(firstPause<<min(over-1, 10), longestPause))
	}
}

// succeeded forgets the peer.
func (t *throttle) succeeded(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.peers[network(a)]; e != nil {
		t.removeLocked(e)
	}
}

func (t *throttle) offenderLocked(peer netip.Prefix) *offender {
	if e := t.peers[peer]; e != nil {
		t.order.MoveToFront(e)
		return e.Value.(*offender)
	}
	if len(t.peers) >= throttlePeers {
		t.removeLocked(t.order.Back())
	}
	o := &offender{peer: peer}
	t.peers[peer] = t.order.PushFront(o)
	return o
}

func (t *throttle) removeLocked(e *list.Element) {
	delete(t.peers, e.Value.(*offender).peer)
	t.order.Remove(e)
}
