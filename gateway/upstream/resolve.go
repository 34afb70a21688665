package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Resolver looks up the addresses of a host. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

const (
	lookupTimeout = 5 * time.Second
	lookupBackoff = 500 * time.Millisecond // after the first failure; it doubles up to the refresh interval
	maxAddresses  = 64                     // of one host that are used
	shunAddress   = 30 * time.Second       // how long an address that refused comes after the others
)

// address is one address of a host.
type address struct {
	ip        netip.Addr
	shunUntil atomic.Int64 // Unix nanoseconds
}

// names knows the addresses of one host. They are looked up in the background;
// when that fails the last good ones stay.
type names struct {
	host     string
	resolver Resolver
	current  atomic.Pointer[[]*address]
	failure  atomic.Pointer[error] // of the last lookup; nil after a good one
	asked    chan struct{}         // closed after the first lookup
	turn     atomic.Uint32         // round over the addresses
}

// newNames returns the addresses of t's host, already known if it is an address.
func newNames(t *target, r Resolver) *names {
	n := &names{host: t.host, resolver: r, asked: make(chan struct{})}
	if ip := t.address(); ip.IsValid() {
		n.current.Store(&[]*address{{ip: ip}})
		close(n.asked)
	}
	return n
}

// known returns the addresses, after waiting for the first lookup if need be.
func (n *names) known(ctx context.Context) ([]*address, error) {
	if list := n.current.Load(); list != nil {
		return *list, nil
	}
	select {
	case <-n.asked:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the addresses of %s: %w", n.host, context.Cause(ctx))
	}
	if list := n.current.Load(); list != nil {
		return *list, nil
	}
	if err := n.failure.Load(); err != nil {
		return nil, *err
	}
	return nil, fmt.Errorf("look up %s: no answer yet", n.host)
}

// order returns the addresses in the order in which to try them: in turn, IPv6
// and IPv4 alternating (RFC 8305 section 4), those that lately failed last.
func (n *names) order(ctx context.Context, now time.Time) ([]*address, error) {
	list, err := n.known(ctx)
	if err != nil || len(list) == 1 {
		return list, err
	}
	turn := int(n.turn.Add(1) % (1 << 16))
	var good, shunned [2][]*address // by family, IPv6 first
	for i := range list {
		a := list[(i+turn)%len(list)]
		family := 0
		if a.ip.Is4() {
			family = 1
		}
		if a.shunUntil.Load() > now.UnixNano() {
			shunned[family] = append(shunned[family], a)
		} else {
			good[family] = append(good[family], a)
		}
	}
	return append(interleave(good[0], good[1]), interleave(shunned[0], shunned[1])...), nil
}

func interleave(a, b []*address) []*address {
	out := make([]*address, 0, len(a)+len(b))
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

// run looks the host up again and again until ctx ends. refresh says how often;
// zero means once.
func (n *names) run(ctx context.Context, refresh func() time.Duration, random func() uint64, log *zap.Logger) {
	failures := 0
	for {
		err := n.lookUp(ctx)
		if ctx.Err() != nil {
			return
		}
		interval := refresh()
		wait := jitter(interval, random)
		if err != nil {
			failures++
			wait = lookupBackoff << min(failures-1, 10)
			if interval > 0 {
				wait = min(wait, max(interval, lookupBackoff))
			}
		}
		n.report(err, failures, log)
		if err == nil {
			failures = 0
			if interval == 0 {
				return
			}
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// report logs when lookups begin to fail and when they work again.
func (n *names) report(err error, failures int, log *zap.Logger) {
	switch {
	case err != nil && failures == 1:
		log.Warn("cannot resolve endpoint, last good addresses stay in use",
			zap.String("host", n.host), zap.Bool("have_addresses", n.current.Load() != nil), zap.Error(err))
	case err == nil && failures > 0:
		log.Info("endpoint resolves again", zap.String("host", n.host))
	}
}

// lookUp asks once.
func (n *names) lookUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	ips, err := n.resolver.LookupNetIP(ctx, "ip", n.host)
	if err == nil && len(ips) == 0 {
		err = errors.New("no addresses")
	}
	if err != nil {
		err = fmt.Errorf("look up %s: %w", n.host, err)
		n.failure.Store(&err)
	} else {
		n.failure.Store(nil)
		n.replace(ips)
	}
	n.markAsked()
	return err
}

// markAsked lets the first callers go on. Only run calls it.
func (n *names) markAsked() {
	select {
	case <-n.asked:
	default:
		close(n.asked)
	}
}

// replace takes over new addresses and what is known about those that stay.
func (n *names) replace(ips []netip.Addr) {
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	ips = slices.Compact(ips)
	ips = ips[:min(len(ips), maxAddresses)]
	old := n.current.Load()
	if old != nil && slices.EqualFunc(*old, ips, func(a *address, ip netip.Addr) bool { return a.ip == ip }) {
		return
	}
	list := make([]*address, len(ips))
	for i, ip := range ips {
		list[i] = &address{ip: ip}
		if old == nil {
			continue
		}
		if at := slices.IndexFunc(*old, func(a *address) bool { return a.ip == ip }); at >= 0 {
			list[i] = (*old)[at]
		}
	}
	n.current.Store(&list)
}

// jitter spreads d by a tenth either way, so that replicas do not act in step.
func jitter(d time.Duration, random func() uint64) time.Duration {
	spread := d / 5
	if spread <= 0 {
		return d
	}
	return d - spread/2 + time.Duration(random()%uint64(spread))
}

// pause waits and reports whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
