package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/telemetry"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/scheduler"
)

// snapshot is a configuration compiled for the request path. It never changes
// after it is published: a reload makes another one, and requests under way keep
// theirs.
type snapshot struct {
	g            *Gateway
	cfg          Config
	limits       http1.Limits // of requests
	answerLimits http1.Limits // of what upstreams send
	identifier   *identity.Identifier
	proxies      *identity.Proxies
	routes       *routing.Routes
	route        []route
	classifier   *routing.Classifier
	backends     map[string]*backend
	unrouted     *telemetry.Series // requests that no route takes
	cert         *tls.Certificate
}

// route is what follows from a match.
type route struct {
	name    string
	backend *backend
	expose  bool                // X-Weir-* go to the client
	series  []*telemetry.Series // by class
}

// backend is an upstream with its queue.
type backend struct {
	name      string
	cfg       upstream.Config
	pool      *upstream.Pool
	sched     *scheduler.Scheduler
	fallback  []*backend
	llm       bool // bodies are JSON that says what is asked of which model
	forwarded bool // send X-Forwarded-* and Forwarded
}

const (
	maxFields       = 256       // lines of one header block
	answerHeadBytes = 256 << 10 // head of an upstream's answer
)

// compile turns a valid configuration into a snapshot. What old has and the new
// configuration keeps, goes on: queues with all that wait in them, connections,
// health. Nothing of old is changed before publish.
func (g *Gateway) compile(cfg Config, old *snapshot) (s *snapshot, err error) {
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s = &snapshot{
		g: g, cfg: cfg,
		limits: http1.Limits{
			HeaderBytes: int(cfg.Server.Limits.HeaderBytes), Fields: maxFields,
			TargetBytes: int(cfg.Server.Limits.HeaderBytes) / 2,
		},
		answerLimits: http1.Limits{HeaderBytes: answerHeadBytes, Fields: maxFields},
		backends:     make(map[string]*backend, len(cfg.Upstreams)),
	}
	defer func() {
		if err != nil {
			s.abandon(old)
		}
	}()
	if t := cfg.Server.TLS; t != nil {
		if s.cert, err = loadCertificate(g.deps.ReadFile, t); err != nil {
			return s, err
		}
	}
	if s.identifier, err = identity.New(cfg.Identity, g.identityDeps(old)); err != nil {
		return s, err
	}
	s.proxies = s.identifier.Proxies()
	if err = s.compileClasses(); err != nil {
		return s, err
	}
	for i := range cfg.Upstreams {
		if err = s.compileBackend(&cfg.Upstreams[i], old); err != nil {
			return s, fmt.Errorf("upstream %q: %w", cfg.Upstreams[i].Name, err)
		}
	}
	for i := range cfg.Upstreams {
		b := s.backends[cfg.Upstreams[i].Name]
		for _, name := range cfg.Upstreams[i].Fallback {
			b.fallback = append(b.fallback, s.backends[name])
		}
	}
	return s, s.compileRoutes()
}

func (s *snapshot) compileClasses() (err error) {
	rules := make([]routing.ClassRule, len(s.cfg.Classes))
	for i := range s.cfg.Classes {
		c := &s.cfg.Classes[i]
		rules[i] = routing.ClassRule{Name: c.Name, Match: c.Match, Flow: c.Flow}
	}
	s.classifier, err = routing.CompileClasses(rules)
	return err
}

func (s *snapshot) compileRoutes() (err error) {
	if s.routes, err = routing.CompileRoutes(s.cfg.Routes); err != nil {
		return err
	}
	t := s.g.telemetry
	s.unrouted = t.Route("", "", "")
	s.route = make([]route, len(s.cfg.Routes))
	for i := range s.cfg.Routes {
		rc := &s.cfg.Routes[i]
		r := &s.route[i]
		r.name = rc.Name
		r.backend = s.backends[rc.Upstream]
		r.expose = rc.ExposeHeaders == nil || *rc.ExposeHeaders
		for j := range s.cfg.Classes {
			r.series = append(r.series, t.Route(rc.Name, s.cfg.Classes[j].Name, rc.Upstream))
		}
	}
	return nil
}

func (s *snapshot) compileBackend(cfg *upstream.Config, old *snapshot) error {
	b := &backend{name: cfg.Name, cfg: *cfg, llm: cfg.Protocol != "http", forwarded: cfg.Forwarded == nil || *cfg.Forwarded}
	sc := s.schedulerConfig(cfg)
	if err := sc.Validate(); err != nil {
		return err
	}
	var err error
	if was := old.backend(cfg.Name); was != nil {
		b.sched = was.sched // reconfigured by publish
		b.pool, err = was.pool.Reload(*cfg)
	} else {
		if b.sched, err = scheduler.New(sc, scheduler.Options{}); err != nil {
			return err
		}
		b.pool, err = upstream.New(*cfg, s.g.poolDeps())
	}
	if b.pool == nil && old.backend(cfg.Name) == nil {
		b.sched.Close()
	}
	if err != nil {
		return err
	}
	s.backends[cfg.Name] = b
	return nil
}

// backend returns the backend with that name; a nil snapshot has none.
func (s *snapshot) backend(name string) *backend {
	if s == nil {
		return nil
	}
	return s.backends[name]
}

// schedulerConfig derives the queue of an upstream.
func (s *snapshot) schedulerConfig(cfg *upstream.Config) scheduler.Config {
	const (
		firstGuess    = 32 // seats, before anything is known of the upstream
		httpCost      = int64(50 * time.Millisecond / time.Microsecond)
		inferenceCost = int64(2 * time.Second / time.Microsecond)
	)
	limit := scheduler.LimitConfig{Mode: scheduler.Fixed, Initial: cfg.Capacity.Seats.N}
	if cfg.Capacity.Seats.Adaptive {
		limit = scheduler.LimitConfig{
			Mode: scheduler.AIMD, Min: cfg.Capacity.MinSeats, Max: cfg.Capacity.MaxSeats,
			Initial: min(max(firstGuess, cfg.Capacity.MinSeats), cfg.Capacity.MaxSeats),
		}
	}
	sc := scheduler.Config{
		Name:  cfg.Name,
		Limit: limit,
		Queue: scheduler.QueueConfig{
			MaxRequests: cfg.Capacity.QueueLimit,
			MaxBytes:    int64(cfg.Capacity.QueueBytes),
			MaxFlows:    cfg.Capacity.QueueFlows,
		},
		InitialCost: httpCost,
	}
	if cfg.Protocol != "http" {
		sc.InitialCost = inferenceCost
	}
	// Classes are the same for all upstreams, whose sizes differ: a small one
	// cannot keep as many seats free as a large one.
	spare := max(limit.Initial, limit.Max) * 5 / 100
	for i := range s.cfg.Classes {
		c := &s.cfg.Classes[i]
		headroom := min(c.Headroom, spare)
		spare -= headroom
		sc.Classes = append(sc.Classes, scheduler.Class{
			Name: c.Name, Weight: c.Weight, Warp: c.Warp, Headroom: headroom,
			MaxSeats: c.MaxSeats, MaxWait: c.MaxWait, QueueLimit: c.QueueLimit,
		})
	}
	return sc
}

// publish puts s in force and retires what it no longer uses.
func (s *snapshot) publish(old *snapshot) error {
	g := s.g
	g.reload.Lock()
	defer g.reload.Unlock()
	var errs []error
	for _, b := range s.backends {
		if old.backend(b.name) != nil {
			errs = append(errs, b.sched.Reconfigure(s.schedulerConfig(&b.cfg)))
		}
	}
	g.snap.Store(s)
	if old == nil {
		return errors.Join(errs...)
	}
	old.identifier.Close()
	for _, b := range old.backends {
		b.pool.Close()
		if s.backends[b.name] == nil {
			b.sched.DrainAll()
			g.retired = append(g.retired, b.sched)
		}
	}
	return errors.Join(errs...)
}

// abandon closes what a failed compile had made.
func (s *snapshot) abandon(old *snapshot) {
	if s.identifier != nil {
		s.identifier.Close()
	}
	for _, b := range s.backends {
		b.pool.Close()
		if old.backend(b.name) == nil {
			b.sched.Close()
		}
	}
}

// className returns the name of a class.
func (s *snapshot) className(i int) string { return s.cfg.Classes[i].Name }

// classIndex returns the class with that name, or the last resort if a reload has
// removed it.
func (s *snapshot) classIndex(name string) int {
	rest := 0
	for i := range s.cfg.Classes {
		if s.cfg.Classes[i].Name == name {
			return i
		}
		if s.cfg.Classes[i].Match == nil {
			rest = i
		}
	}
	return rest
}

// campaign looks up what a request's campaign is worth and fills in its business.
func (s *snapshot) campaign(a *identity.Attributes) (value int64, known bool) {
	if a.Campaign == "" {
		return 0, false
	}
	c, ok := s.g.campaigns.Lookup(a.Campaign)
	if ok && a.Business == "" {
		a.Business = c.Business
	}
	return c.Value, ok
}

func loadCertificate(readFile func(string) ([]byte, error), t *ServerTLS) (*tls.Certificate, error) {
	cert, err := readFile(t.CertFile)
	if err != nil {
		return nil, fmt.Errorf("server.tls.cert_file: %w", err)
	}
	key, err := readFile(t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("server.tls.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	return &pair, nil
}
