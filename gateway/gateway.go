package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/weir-gateway/weir/gateway/admin"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/telemetry"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/gateway/wire"
	"github.com/weir-gateway/weir/scheduler"
)

// Deps are the parts that a Gateway takes from its surroundings. All may be zero.
type Deps struct {
	Logger     *zap.Logger                     // application log; nil for none
	Version    string                          // for weir_build_info
	LookupEnv  func(string) (string, bool)     // nil for os.LookupEnv
	ReadFile   func(string) ([]byte, error)    // nil for os.ReadFile
	Reload     func(ctx context.Context) error // behind POST /api/v1/reload; nil refuses
	ConfigYAML func() ([]byte, error)          // behind GET /api/v1/config, secrets masked
	ConfigJSON func() ([]byte, error)          // the same as JSON
	AccessLog  io.Writer                       // takes the place of telemetry.access_log.path
	Listener   net.Listener                    // takes the place of server.listen
	Admin      net.Listener                    // takes the place of admin.listen
}

// Gateway is the data plane and its admin listener. All methods are safe for
// concurrent use.
type Gateway struct {
	deps      Deps
	logger    *zap.Logger
	watcher   *wire.Watcher // of clients
	upWatcher *wire.Watcher // of upstream connections
	telemetry *telemetry.Telemetry
	access    *telemetry.AccessLog
	campaigns *identity.CampaignTable

	snap     atomic.Pointer[snapshot]
	reload   sync.RWMutex // held to publish; read-held to resolve a class and submit
	applying sync.Mutex   // one Apply at a time; guards retired
	retired  []*scheduler.Scheduler

	inFlight atomic.Int64
	streams  atomic.Int64

	draining atomic.Bool // readiness is gone; answers end their connections
	refusing atomic.Bool // new requests are refused

	server    *server
	tlsConfig *tls.Config
	admin     *admin.Server
	ready     chan struct{}
	addr      atomic.Pointer[net.Addr]
	adminA    atomic.Pointer[net.Addr]
}

// New compiles cfg and opens what it needs; it does not listen yet. The error
// names every setting that is wrong. A Gateway that is not Run must be Closed.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.LookupEnv == nil {
		deps.LookupEnv = os.LookupEnv
	}
	if deps.ReadFile == nil {
		deps.ReadFile = os.ReadFile
	}
	cfg.SetDefaults()
	g := &Gateway{deps: deps, logger: deps.Logger, ready: make(chan struct{}), campaigns: identity.NewCampaignTable(deps.ReadFile)}
	g.server = newServer(g)
	g.tlsConfig = g.newTLSConfig()
	if err := g.open(cfg); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) open(cfg Config) (err error) {
	if g.watcher, err = wire.NewWatcher(cfg.Server.AllowHalfClose); err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	g.upWatcher = g.watcher
	if cfg.Server.AllowHalfClose {
		// Clients may close their side early; an endpoint that does is gone.
		if g.upWatcher, err = wire.NewWatcher(false); err != nil {
			return fmt.Errorf("watch connections: %w", err)
		}
	}
	log := telemetry.AccessLogConfig{
		Path: cfg.Telemetry.AccessLog.Path, Sample: cfg.Telemetry.AccessLog.Sample,
		Failed: func(err error) { g.logger.Error("writing the access log", zap.Error(err)) },
	}
	if g.access, err = telemetry.NewAccessLog(log, g.deps.AccessLog); err != nil {
		return fmt.Errorf("telemetry.access_log: %w", err)
	}
	g.telemetry = telemetry.New(telemetry.Config{}, telemetry.Deps{
		Version: g.deps.Version, Queues: g.queueSnapshots, Upstreams: g.endpointSnapshots, Gauges: g.gauges, AccessLog: g.access,
	})
	if cfg.Campaigns.File != "" {
		if err := g.campaigns.Load(cfg.Campaigns.File); err != nil {
			return fmt.Errorf("campaigns.file: %w", err)
		}
	}
	s, err := g.compile(cfg, nil)
	if err != nil {
		return err
	}
	if err := s.publish(nil); err != nil {
		return err
	}
	g.admin, err = admin.New(admin.Config{Tokens: adminTokens(cfg.Admin)}, admin.Deps{
		Gateway: operator{g}, Gatherer: g.telemetry.Gatherer(), Logger: g.logger,
	})
	return err
}

func adminTokens(cfg AdminConfig) (tokens []admin.Token) {
	for _, t := range cfg.Tokens {
		tokens = append(tokens, admin.Token{Name: t.Name, SHA256: t.SHA256, Role: admin.Role(t.Role)})
	}
	return tokens
}

// Close frees what New has opened.
func (g *Gateway) Close() {
	if s := g.snap.Load(); s != nil {
		s.abandon(nil)
	}
	g.applying.Lock()
	for _, s := range g.retired {
		s.Close()
	}
	g.retired = nil
	g.applying.Unlock()
	if g.access != nil {
		_ = g.access.Close()
	}
	if g.upWatcher != nil && g.upWatcher != g.watcher {
		_ = g.upWatcher.Close()
	}
	if g.watcher != nil {
		_ = g.watcher.Close()
	}
}

// Apply puts another configuration in force, all of it or, with an error, nothing.
// Requests under way end on the old one; waiting ones keep their places.
func (g *Gateway) Apply(cfg Config) error {
	g.applying.Lock()
	defer g.applying.Unlock()
	cfg.SetDefaults()
	old := g.snap.Load()
	if err := fixedSettings(&old.cfg, &cfg); err != nil {
		return err
	}
	if cfg.Campaigns.File != "" {
		if err := g.campaigns.Load(cfg.Campaigns.File); err != nil {
			return fmt.Errorf("campaigns.file: %w", err)
		}
	}
	s, err := g.compile(cfg, old)
	if err != nil {
		return err
	}
	g.closeRetired()
	if err := g.admin.SetTokens(adminTokens(cfg.Admin)); err != nil {
		s.abandon(old)
		return err
	}
	return s.publish(old)
}

// fixedSettings refuses changes that only a restart can make.
func fixedSettings(old, cfg *Config) error {
	var errs []error
	fixed := func(name string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s cannot change while Weir runs: it needs a restart", name))
		}
	}
	fixed("server.listen", old.Server.Listen == cfg.Server.Listen)
	fixed("admin.listen", old.Admin.Listen == cfg.Admin.Listen)
	fixed("server.tls", (old.Server.TLS == nil) == (cfg.Server.TLS == nil))
	fixed("server.allow_half_close", old.Server.AllowHalfClose == cfg.Server.AllowHalfClose)
	return errors.Join(errs...)
}

// closeRetired ends the queues of removed upstreams that nobody uses any more.
func (g *Gateway) closeRetired() {
	kept := g.retired[:0]
	for _, s := range g.retired {
		if st := s.Stats(); st.Queued+st.Used > 0 {
			kept = append(kept, s)
		} else {
			s.Close()
		}
	}
	g.retired = kept
}

// ReloadCampaigns reads the campaign table again; a broken one changes nothing.
func (g *Gateway) ReloadCampaigns() error {
	file := g.snap.Load().cfg.Campaigns.File
	if file == "" {
		return nil
	}
	return g.campaigns.Load(file)
}

// ReopenLogs opens the access log's file again, after it was rotated.
func (g *Gateway) ReopenLogs() error { return g.access.Reopen() }

// Telemetry gives access to the metrics, to count what happens around the gateway.
func (g *Gateway) Telemetry() *telemetry.Telemetry { return g.telemetry }

// Ready is closed when both listeners accept connections.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Addr returns the address that clients connect to, after Ready.
func (g *Gateway) Addr() net.Addr { return *g.addr.Load() }

// AdminAddr returns the address of the admin listener, after Ready.
func (g *Gateway) AdminAddr() net.Addr { return *g.adminA.Load() }

// Run serves until ctx ends, then drains and closes the gateway. It returns nil
// after a drain in which every accepted request was answered.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.Close()
	cfg := g.snap.Load().cfg
	ln, err := g.listen(g.deps.Listener, "server.listen", cfg.Server.Listen)
	if err != nil {
		return err
	}
	aln, err := g.listen(g.deps.Admin, "admin.listen", cfg.Admin.Listen)
	if err != nil {
		_ = ln.Close()
		return err
	}
	addr, adminA := ln.Addr(), aln.Addr()
	g.addr.Store(&addr)
	g.adminA.Store(&adminA)
	failed := make(chan error, 2)
	go func() { failed <- g.server.serve(ln) }()
	go func() { failed <- g.admin.Serve(aln) }()
	close(g.ready)
	g.logger.Info("serving", zap.Stringer("address", addr), zap.Stringer("admin", adminA))
	ended := 0
	select {
	case <-ctx.Done():
	case err = <-failed:
		ended++
	}
	err = errors.Join(err, g.drain(ln, cfg.Server))
	stop, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = errors.Join(err, g.admin.Shutdown(stop))
	for ; ended < 2; ended++ {
		err = errors.Join(err, <-failed)
	}
	return err
}

func (g *Gateway) listen(given net.Listener, setting, address string) (net.Listener, error) {
	if given != nil {
		return given, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return ln, nil
}

// drain ends service in the order in which nobody loses anything: readiness
// first, then new connections and requests, then what is under way.
func (g *Gateway) drain(ln net.Listener, cfg ServerConfig) error {
	g.draining.Store(true)
	g.logger.Info("draining", zap.Duration("delay", cfg.DrainDelay), zap.Duration("timeout", cfg.DrainTimeout))
	time.Sleep(cfg.DrainDelay)
	g.refusing.Store(true)
	_ = ln.Close()
	for _, b := range g.snap.Load().backends {
		b.sched.DrainAll()
	}
	left := g.server.drain(cfg.DrainTimeout)
	if left > 0 {
		return fmt.Errorf("drain: %d requests were cut after server.drain_timeout %s", left, cfg.DrainTimeout)
	}
	g.logger.Info("drained")
	return nil
}

func (g *Gateway) random() uint64 { return rand.Uint64() }

func (g *Gateway) poolDeps() upstream.Deps {
	return upstream.Deps{
		Watcher: g.upWatcher, Logger: g.logger, LookupEnv: g.deps.LookupEnv, ReadFile: g.deps.ReadFile,
	}
}

func (g *Gateway) identityDeps(old *snapshot) identity.Deps {
	d := identity.Deps{LookupEnv: g.deps.LookupEnv, ReadFile: g.deps.ReadFile, Logger: g.logger}
	if old != nil {
		d.Previous = old.identifier
	}
	return d
}

func (g *Gateway) logPanic(p any, x *exchange) {
	g.logger.Error("BUG: panic while serving a request",
		zap.Any("panic", p), zap.ByteString("request_id", x.id()), zap.ByteString("stack", debug.Stack()))
}
