package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Config is who may use the listener.
type Config struct {
	Tokens []Token // none: loopback peers only
}

// Deps is what the server is made of. Gateway is required.
type Deps struct {
	Gateway  Gateway
	Gatherer prometheus.Gatherer // of /metrics; nil: none
	Logger   *zap.Logger         // nil: nothing is logged, audit included
	Now      func() time.Time    // nil: time.Now
}

// Bounds on what one operator can take.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 2 * time.Minute // a profile of a minute fits in
	idleTimeout  = 90 * time.Second
	maxHeader    = 32 << 10
	maxBody      = 64 << 10
)

// requestIDField carries the id that an answer, an error and the audit log share.
const requestIDField = "X-Request-Id"

// Server is the admin listener. All methods are safe for concurrent use.
type Server struct {
	deps      Deps
	access    *access
	routes    []route
	handler   http.Handler
	http      *http.Server
	reloading sync.Mutex
}

// New makes a server. The error names the token that cannot be used.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Gatherer == nil {
		deps.Gatherer = prometheus.NewRegistry()
	}
	s := &Server{deps: deps, access: newAccess(deps.Now)}
	if err := s.access.setTokens(cfg.Tokens); err != nil {
		return nil, err
	}
	s.routes = s.table()
	s.handler = s.enter(s.mux())
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdLogger(deps.Logger),
	}
	return s, nil
}

// SetTokens replaces the tokens, for a reload. With an error the old ones stay.
func (s *Server) SetTokens(tokens []Token) error { return s.access.setTokens(tokens) }

// Handler is what the server serves, for tests and other listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on ln until Shutdown, and then returns nil. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin listener: %w", err)
	}
	return nil
}

// Shutdown stops accepting and waits for running answers until ctx ends; then it
// cuts them, and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
		return fmt.Errorf("shut the admin listener down: %w", err)
	}
	return nil
}

// enter is what happens to every request first.
func (s *Server) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set(requestIDField, newRequestID())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func newRequestID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// stdLogger keeps what net/http says about broken clients at debug: on a port
// that scanners find it would fill the log.
func stdLogger(l *zap.Logger) *log.Logger {
	std, err := zap.NewStdLogAt(l, zapcore.DebugLevel)
	if err != nil {
		panic("BUG: debug is a level: " + err.Error())
	}
	return std
}
