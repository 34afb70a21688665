package mock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Sizes of the HTTP server. The read buffer is also the limit of a request's header section.
const (
	readBuffer  = 16 << 10
	writeBuffer = 4 << 10
)

// drainPoll is how often Shutdown looks whether the connections have ended.
const drainPoll = 2 * time.Millisecond

// ErrClosed is returned by Serve and Shutdown of a server that was shut down.
var ErrClosed = errors.New("mock: server closed")

// Server is one mock upstream. It is safe for concurrent use.
type Server struct {
	cfg        Config
	http       *fasthttp.Server
	conns      *connTable
	routes     *router
	models     map[string]int // name → index into cfg.Models
	keys       map[string]struct{}
	filler     []byte // printable bytes that assets are cut from
	vocabulary []string

	sequence atomic.Uint64 // of counted requests, for their random numbers
	limits   *limits
	tally    *tally
	profiles *profileStore

	stop    chan struct{} // closed by Shutdown: everything that waits ends
	closing sync.Once
	tunnels sync.WaitGroup // hijacked connections
}

// New returns a server for a valid cfg. Release it with Shutdown, also when it never served.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	w, err := newWatcher()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:        cfg,
		conns:      &connTable{watcher: w, open: map[*conn]struct{}{}},
		routes:     newRouter(),
		models:     make(map[string]int, len(cfg.Models)),
		keys:       make(map[string]struct{}, len(cfg.Keys)),
		filler:     newFiller(cfg.Seed),
		vocabulary: vocabulary(),
		limits:     newLimits(cfg),
		profiles:   newProfileStore(cfg.MaxProfiles),
		stop:       make(chan struct{}),
	}
	for i, m := range cfg.Models {
		s.models[m] = i
	}
	for _, k := range cfg.Keys {
		s.keys[k] = struct{}{}
	}
	s.tally = newTally(s.routes.names, cfg.Models, cfg.MaxTags)
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ExpectHandler:                s.expect,
		ErrorHandler:                 refuseUnread,
		Name:                         "weir-mock",
		ReadBufferSize:               readBuffer,
		WriteBufferSize:              writeBuffer,
		MaxRequestBodySize:           cfg.MaxBodyBytes,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		Logger:                       silent{},
	}
	return s, nil
}

// silent drops the HTTP server's log: broken connections are this server's trade, and are counted.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}

// Serve answers on ln until Shutdown, then returns nil. It closes ln. Several listeners may be served at once.
func (s *Server) Serve(ln net.Listener) error {
	select {
	case <-s.stop:
		return errors.Join(ErrClosed, ln.Close())
	default:
	}
	if err := s.http.Serve(listener{Listener: ln, table: s.conns}); err != nil {
		return fmt.Errorf("mock: serving on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown ends everything: it closes the listeners, cuts streams and answers that are still waiting, and
// returns when the last connection has ended, or with ctx's error after closing what was left. Answers that
// are complete are still delivered.
func (s *Server) Shutdown(ctx context.Context) error {
	err := ErrClosed
	s.closing.Do(func() { err = s.shutdown(ctx) })
	return err
}

func (s *Server) shutdown(ctx context.Context) error {
	close(s.stop)
	stopped := make(chan error, 1)
	go func() { stopped <- s.http.ShutdownWithContext(ctx) }()

	timedOut := s.drain(ctx)
	for _, c := range s.conns.all() {
		_ = c.Close() // only those that outlived ctx are left
	}
	err := <-stopped
	s.tunnels.Wait()
	if timedOut != nil {
		err = fmt.Errorf("mock: connections were still open at the end of the shutdown: %w", timedOut)
	}
	return errors.Join(err, s.conns.watcher.close())
}

// drain waits for the connections to end. It tells new ones too, as a listener may hand out a last one.
func (s *Server) drain(ctx context.Context) error {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		open := s.conns.all()
		if len(open) == 0 {
			return nil
		}
		for _, c := range open {
			c.drain()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Stats returns the counters of the moment.
func (s *Server) Stats() Stats {
	st := s.tally.stats()
	st.Open, st.Accepted = s.conns.counts()
	return st
}

// Reset sets the counters back to zero, opens new rate windows, forgets written profiles and starts the
// random numbers from the seed again. Requests in flight stay in flight.
func (s *Server) Reset() {
	s.sequence.Store(0)
	s.tally.reset()
	s.limits.reset()
	s.profiles.reset()
}
