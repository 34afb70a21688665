package upstream

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/weir-gateway/weir/gateway/wire"
)

// Deps is what a pool uses of the world. Each part may be left out.
type Deps struct {
	// Watcher notices endpoints that close idle connections. Without one, every
	// reuse asks the socket. It should count a half-closed peer as gone.
	Watcher *wire.Watcher
	// Logger gets changes of health, breakers and names. Default: none.
	Logger *zap.Logger
	// Now is the clock for ages and budgets. Default: time.Now.
	Now func() time.Time
	// Rand returns a random number; it is safe for concurrent use. Default:
	// math/rand/v2.
	Rand func() uint64
	// LookupEnv finds keys. Default: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// ReadFile reads keys and certificates. Default: os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Resolver looks up host names. Default: net.DefaultResolver.
	Resolver Resolver
	// Dial connects to an address, network being tcp or unix. Default: a
	// net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// OnBreakerChange is called after a breaker changed, without a lock held.
	// Default: nothing.
	OnBreakerChange func(upstream, endpoint string, from, to BreakerState)
}

func (d *Deps) setDefaults() {
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Rand == nil {
		d.Rand = rand.Uint64
	}
	if d.LookupEnv == nil {
		d.LookupEnv = os.LookupEnv
	}
	if d.ReadFile == nil {
		d.ReadFile = os.ReadFile
	}
	if d.Resolver == nil {
		d.Resolver = net.DefaultResolver
	}
	if d.Dial == nil {
		d.Dial = new(net.Dialer).DialContext
	}
}

type balance uint8

const (
	twoChoices balance = iota
	leastInFlight
	weighted
)

// Pool is one upstream: its endpoints and how calls are spread over them. It is
// safe for concurrent use.
type Pool struct {
	name    string
	deps    *Deps
	balance balance
	members []member
	total   uint64 // weight
	retryOn causeSet
	budget  *budget
	retried *atomic.Uint64

	roundMu sync.Mutex
	round   []int64 // of the weighted policy, by member

	stop   context.CancelFunc
	reaper sync.WaitGroup
	closed sync.Once
}

// New makes a pool. It sets cfg's defaults, checks it and reads keys and
// certificates; what is wrong with them comes as joined [FieldError]. Nothing is
// connected to before the first call, apart from health checks. Close ends it.
func New(cfg Config, deps Deps) (*Pool, error) {
	deps.setDefaults()
	return build(cfg, &deps, nil)
}

// Reload makes the pool that takes over from p. Endpoints that stay as they were
// (URL, key, certificates, where the key goes and which Host is sent) keep their
// connections, health, breaker and calls in flight, and the retry budget goes on;
// weights, timeouts and limits may change meanwhile. p stays usable for the
// requests that are under way; its Close spares what was taken over. On an error
// p is as before.
func (p *Pool) Reload(cfg Config) (*Pool, error) { return build(cfg, p.deps, p) }

func build(cfg Config, deps *Deps, old *Pool) (*Pool, error) {
	cfg.Endpoints = append([]EndpointConfig(nil), cfg.Endpoints...) // SetDefaults writes to them
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	prints, err := draft(&cfg, deps)
	if err != nil {
		return nil, err
	}
	p := &Pool{
		name:    cfg.Name,
		deps:    deps,
		balance: map[string]balance{"least_in_flight": leastInFlight, "weighted": weighted}[cfg.Balance],
		round:   make([]int64, len(prints)),
		budget:  &budget{now: deps.Now, percent: uint64(cfg.Retry.BudgetPercent)},
		retried: new(atomic.Uint64),
	}
	for _, name := range cfg.Retry.On {
		if err := p.retryOn.addName(name); err != nil {
			return nil, &FieldError{"retry.on", err}
		}
	}
	if err := p.populate(&cfg, prints, old); err != nil {
		return nil, err
	}
	p.start(&cfg)
	return p, nil
}

// populate fills the pool with endpoints, those of old where nothing changed.
func (p *Pool) populate(cfg *Config, prints []blueprint, old *Pool) error {
	s := settingsOf(cfg)
	kept := map[blueprint]*backend{}
	if old != nil {
		p.inherit(old, uint64(cfg.Retry.BudgetPercent))
		for i := range old.members {
			kept[old.members[i].b.plan] = old.members[i].b
		}
	}
	for i := range prints {
		b := kept[prints[i]]
		if b == nil || !b.adopt(s) {
			var err error
			if b, err = newBackend(prints[i], s, p.deps); err != nil {
				p.letGo()
				return err
			}
		}
		weight := uint64(cfg.Endpoints[i].Weight)
		p.total += weight
		p.members = append(p.members, member{b: b, weight: weight, upTo: p.total})
	}
	return nil
}

// inherit takes over the counts of old.
func (p *Pool) inherit(old *Pool, percent uint64) {
	old.budget.mu.Lock()
	defer old.budget.mu.Unlock()
	old.budget.percent = percent
	p.budget, p.retried = old.budget, old.retried
}

// start begins the pool's own background work.
func (p *Pool) start(cfg *Config) {
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	interval := reapInterval(&cfg.Pool)
	p.reaper.Go(func() {
		for pause(ctx, interval) {
			now := p.deps.Now()
			for i := range p.members {
				p.members[i].b.reap(now)
			}
		}
	})
}

// reapInterval is a quarter of the idle timeout within sensible bounds.
func reapInterval(pool *ConnPool) time.Duration {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	if pool.IdleTimeout == 0 {
		return most
	}
	return min(max(pool.IdleTimeout/4, least), most)
}

// Close ends the pool's background work and closes the idle connections of the
// endpoints that no later pool took over. Connections in use are closed when they
// are released. It may be called twice.
func (p *Pool) Close() {
	p.closed.Do(func() {
		p.stop()
		p.reaper.Wait()
		p.letGo()
	})
}

func (p *Pool) letGo() {
	for i := range p.members {
		p.members[i].b.release()
	}
}

// Name returns the name of the upstream.
func (p *Pool) Name() string { return p.name }

// CountRequest notes a request, which earns its share of retries.
func (p *Pool) CountRequest() { p.budget.count() }

// AllowRetry takes one retry out of the budget: over the last ten seconds
// budget_percent of the requests, but always three. false means that the budget is
// used up.
func (p *Pool) AllowRetry() bool {
	if !p.budget.allow() {
		return false
	}
	p.retried.Add(1)
	return true
}

// RetryOn reports whether the upstream's policy is to try again after c.
func (p *Pool) RetryOn(c Cause) bool { return p.retryOn.has(c) }

// Retries returns how many retries were allowed since the first of the pools that
// this one succeeds.
func (p *Pool) Retries() uint64 { return p.retried.Load() }

// Available reports whether Pick would find an endpoint now.
func (p *Pool) Available() bool {
	allDown := p.allDown()
	for i := range p.members {
		if (filter{anyone: allDown}).passes(&p.members[i]) {
			return true
		}
	}
	return false
}
