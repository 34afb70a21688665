package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// backend is what is shared about one endpoint: by all calls to it, and by the
// pools before and after a reload that left it as it was. It lives until the last
// pool lets go.
type backend struct {
	plan       blueprint // fixed
	credential []byte    // header line, nil if there is none
	prefix     []byte
	authority  []byte
	tls        *tls.Config // nil for plain text
	deps       *Deps
	log        *zap.Logger
	names      *names // nil for a unix socket

	settings atomic.Pointer[settings]
	breaker  breaker
	idle     idleList

	inFlight atomic.Int64
	open     atomic.Int64 // connections
	requests atomic.Uint64
	failures atomic.Uint64
	retries  atomic.Uint64

	down    atomic.Bool  // by its health checks
	checked atomic.Int64 // Unix nanoseconds of the last check, 0 for never
	fault   atomic.Pointer[fault]

	mu       sync.Mutex // for what follows
	refs     int
	stop     context.CancelFunc
	stopped  context.Context
	health   Health             // that the checker runs by
	endCheck context.CancelFunc // ends the checker, nil if there is none
	checker  chan struct{}      // closed when it has ended
	work     sync.WaitGroup
}

// settings is what a reload may change about an endpoint without replacing it.
type settings struct {
	connect time.Duration
	pool    ConnPool
	breaker Breaker
	health  Health
}

func settingsOf(cfg *Config) *settings {
	return &settings{connect: cfg.Timeouts.Connect, pool: cfg.Pool, breaker: cfg.Breaker, health: cfg.Health}
}

// fault is the last thing that went wrong.
type fault struct {
	text string
	at   time.Time
}

// newBackend makes an endpoint with one reference and starts what it needs in the
// background.
func newBackend(plan blueprint, s *settings, deps *Deps) (*backend, error) {
	b := &backend{plan: plan, deps: deps, refs: 1}
	b.credential = plan.credential.line()
	b.prefix = []byte(plan.target.prefix)
	b.authority = []byte(plan.target.authority)
	b.log = deps.Logger.With(zap.String("upstream", plan.upstream), zap.String("endpoint", plan.target.url))
	if plan.target.tls() {
		cfg, err := plan.tls.config(plan.target.host)
		if err != nil {
			return nil, err
		}
		b.tls = cfg
	}
	b.settings.Store(s)
	b.breaker.init(b, s.breaker, b.breakerChanged)
	b.stopped, b.stop = context.WithCancel(context.Background())
	if plan.target.host != "" {
		b.names = newNames(&plan.target, deps.Resolver)
		if !plan.target.address().IsValid() {
			b.work.Go(func() {
				refresh := func() time.Duration { return b.settings.Load().pool.DNSRefresh }
				b.names.run(b.stopped, refresh, deps.Rand, b.log)
			})
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.configureHealth(s.health)
	return b, nil
}

// adopt adds a reference and applies new settings; false if the endpoint has been
// closed meanwhile.
func (b *backend) adopt(s *settings) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs == 0 {
		return false
	}
	b.refs++
	b.settings.Store(s)
	b.breaker.configure(s.breaker)
	b.configureHealth(s.health)
	return true
}

// configureHealth starts, stops or restarts the checker. What it found out stays,
// unless there are to be no checks. b.mu is held.
func (b *backend) configureHealth(h Health) {
	if h == b.health {
		return
	}
	b.stopChecker()
	b.health = h
	if h.Path == "" {
		b.down.Store(false)
		return
	}
	ctx, cancel := context.WithCancel(b.stopped)
	done := make(chan struct{})
	b.endCheck, b.checker = cancel, done
	c := newChecker(b, h)
	go func() { // ended by stopChecker
		defer close(done)
		c.run(ctx)
	}()
}

// stopChecker returns when the checker has ended. b.mu is held.
func (b *backend) stopChecker() {
	if b.endCheck == nil {
		return
	}
	b.endCheck()
	<-b.checker
	b.endCheck = nil
}

// release drops a reference. With the last one go the goroutines and the idle
// connections; those in use close when they are released.
func (b *backend) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs--; b.refs > 0 {
		return
	}
	b.stop()
	b.stopChecker()
	b.work.Wait()
	closeChain(b.idle.close())
}

// reuse returns an idle connection that can carry a call, or nil.
func (b *backend) reuse() *Conn {
	// A restarted endpoint leaves a list full of dead connections. The reaper
	// clears it; one call closes only a few of them.
	const most = 4
	var now time.Time
	limits := &b.settings.Load().pool
	for range most {
		c := b.idle.pop()
		if c == nil {
			return nil
		}
		if now.IsZero() {
			now = b.deps.Now()
		}
		if c.fit(now, limits) {
			c.Reused = true
			return c
		}
		_ = c.Close()
	}
	return nil
}

// keep puts a connection back, or closes it.
func (b *backend) keep(c *Conn) {
	limits := &b.settings.Load().pool
	now := b.deps.Now()
	if c.closed.Load() || c.PeerGone() || c.aged(now, limits) {
		_ = c.Close()
		return
	}
	c.idleAt = now
	if surplus := b.idle.push(c, limits.MaxIdle); surplus != nil {
		_ = surplus.Close()
	}
}

// reap closes idle connections that nobody should use any more.
func (b *backend) reap(now time.Time) {
	closeChain(b.idle.sweep(now, &b.settings.Load().pool))
}

func (b *backend) breakerChanged(from, to BreakerState) {
	level := zap.InfoLevel
	if to == BreakerOpen {
		level = zap.WarnLevel
	}
	b.log.Log(level, "breaker changed", zap.Stringer("from", from), zap.Stringer("to", to))
	if b.deps.OnBreakerChange != nil {
		b.deps.OnBreakerChange(b.plan.upstream, b.plan.target.url, from, to)
	}
}

// note keeps err as the last thing that went wrong.
func (b *backend) note(err error) {
	if err == nil || errors.Is(err, ErrAborted) {
		return
	}
	b.fault.Store(&fault{text: b.mask(err.Error()), at: b.deps.Now()})
}

// mask takes secrets out of a text and bounds it.
func (b *backend) mask(text string) string {
	if secret := b.plan.credential.value; secret != "" {
		text = strings.ReplaceAll(text, secret, "***")
		if _, bare, ok := strings.Cut(secret, " "); ok {
			text = strings.ReplaceAll(text, bare, "***")
		}
	}
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
