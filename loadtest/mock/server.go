package mock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
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

// shortagePause is how long Serve waits when the process is out of files.
const shortagePause = 5 * time.Millisecond

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
	serving sync.WaitGroup // listeners, and the connections of each
	tunnels sync.WaitGroup // hijacked connections

	mu        sync.Mutex
	listeners []net.Listener // guarded by mu; none is added once stop is closed
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
		Logger:                       silent{},
	}
	return s, nil
}

// silent drops the HTTP server's log: broken connections are this server's trade, and are counted.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}

// Serve answers on ln until Shutdown, then returns nil. It closes ln. Several listeners may be served at once.
//
// It accepts by itself: the HTTP server's own pool of workers leaves a goroutine sleeping for ten seconds.
func (s *Server) Serve(ln net.Listener) error {
	if !s.open(ln) {
		return errors.Join(ErrClosed, ln.Close())
	}
	defer s.serving.Done()
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			c := s.conns.add(nc)
			s.serving.Add(1)
			go s.serveConn(c)
		case s.stopped():
			return nil
		case isShortage(err):
			s.pause(shortagePause)
		default:
			return errors.Join(fmt.Errorf("mock: serving on %s: %w", ln.Addr(), err), ln.Close())
		}
	}
}

// open registers a listener, unless the server is shut down.
func (s *Server) open(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() {
		return false
	}
	s.listeners = append(s.listeners, ln)
	s.serving.Add(1)
	return true
}

func (s *Server) serveConn(c *conn) {
	defer s.serving.Done()
	// What goes wrong on a connection is counted where it happens.
	_ = s.http.ServeConn(c)
}

func (s *Server) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// isShortage says whether an accept failed for want of files or memory, which passes.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

// pause waits, or less when the server is shut down.
func (s *Server) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.stop:
	case <-t.C:
	}
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
	s.mu.Lock()
	close(s.stop)
	var errs []error
	for _, ln := range s.listeners {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("mock: closing the listener on %s: %w", ln.Addr(), err))
		}
	}
	s.mu.Unlock()

	if err := s.drain(ctx); err != nil {
		errs = append(errs, fmt.Errorf("mock: connections were still open at the end of the shutdown: %w", err))
		for _, c := range s.conns.all() {
			_ = c.Close() // it outlived ctx
		}
	}
	s.serving.Wait()
	s.tunnels.Wait()
	return errors.Join(append(errs, s.conns.watcher.close())...)
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
