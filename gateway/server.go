package gateway

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// server accepts the clients' connections and knows those that are open.
type server struct {
	g    *Gateway
	wg   sync.WaitGroup
	room chan struct{} // signalled when a connection ends while accepting pauses

	open   atomic.Int64
	mu     sync.Mutex
	conns  map[*clientConn]struct{}
	greets map[net.Conn]struct{} // in a TLS handshake
	perIP  map[netip.Addr]int
	closed bool
}

func newServer(g *Gateway) *server {
	return &server{g: g, room: make(chan struct{}, 1), conns: map[*clientConn]struct{}{}, greets: map[net.Conn]struct{}{}, perIP: map[netip.Addr]int{}}
}

// serve accepts connections until the listener is closed.
func (s *server) serve(ln net.Listener) error {
	const longest = time.Second
	pause := 5 * time.Millisecond
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.admit(nc)
			s.waitForRoom()
		case errors.Is(err, net.ErrClosed):
			return nil
		case transient(err):
			// Out of descriptors or memory: what is open goes on, and clients
			// wait in the listen queue.
			s.g.logger.Warn("accepting pauses", zap.Error(err), zap.Duration("pause", pause))
			time.Sleep(pause)
			pause = min(2*pause, longest)
		default:
			return err
		}
	}
}

func transient(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// waitForRoom holds accepting back while server.limits.connections are open.
func (s *server) waitForRoom() {
	for s.open.Load() >= int64(s.g.snap.Load().cfg.Server.Limits.Connections) {
		select {
		case <-s.room:
		case <-time.After(100 * time.Millisecond): // the limit may have been raised, or a drain begun
			if s.g.refusing.Load() {
				return
			}
		}
	}
}

// admit starts to serve a connection.
func (s *server) admit(nc net.Conn) {
	ip := peerAddr(nc)
	if !s.enter(ip) {
		_ = nc.Close()
		return
	}
	go func() {
		defer s.leave(ip)
		s.handle(nc)
	}()
}

// enter counts a connection in, unless its peer has too many.
func (s *server) enter(ip netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	most := s.g.snap.Load().cfg.Server.Limits.ConnectionsPerIP
	if most > 0 && s.perIP[ip] >= most {
		return false
	}
	s.perIP[ip]++
	s.open.Add(1)
	s.wg.Add(1)
	return true
}

func (s *server) leave(ip netip.Addr) {
	s.mu.Lock()
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
	s.mu.Unlock()
	s.open.Add(-1)
	s.wg.Done()
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// handle serves one connection to its end.
func (s *server) handle(nc net.Conn) {
	secure := false
	if snap := s.g.snap.Load(); snap.cert != nil {
		tc, err := s.greet(nc, snap.cfg.Server.Limits.HeaderTimeout)
		if err != nil {
			_ = nc.Close()
			return
		}
		nc, secure = tc, true
	}
	c := newClientConn(s.g, nc, secure)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	c.serve()
}

// greet makes the TLS handshake, within the time that a request head may take. A
// drain that has waited long enough closes the connection meanwhile.
func (s *server) greet(nc net.Conn, within time.Duration) (*tls.Conn, error) {
	s.mu.Lock()
	s.greets[nc] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.greets, nc)
		s.mu.Unlock()
	}()
	tc := tls.Server(nc, s.tlsConfig())
	if err := tc.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	if err := tc.Handshake(); err != nil {
		return nil, err
	}
	return tc, tc.SetDeadline(time.Time{})
}

// tlsConfig looks the certificate up for every handshake, so that a new one
// counts from the reload on.
func (s *server) tlsConfig() *tls.Config {
	return s.g.tlsConfig
}

func (g *Gateway) newTLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return g.snap.Load().cert, nil
		},
	}
}

// drain waits until no request is under way, then closes the idle connections.
// It returns the number of requests that were cut at the timeout.
func (s *server) drain(timeout time.Duration) (cut int) {
	const (
		look = 10 * time.Millisecond
		// A client that sends on a connection which it believes to be open gets
		// an honest 503 for this long; after that, a closed connection.
		grace = 250 * time.Millisecond
	)
	begun := time.Now()
	for {
		active := s.active()
		since := time.Since(begun)
		if active == 0 && since >= min(grace, timeout) {
			break
		}
		if since >= timeout {
			cut = active
			break
		}
		time.Sleep(look)
	}
	s.closeAll()
	s.wg.Wait()
	return cut
}

func (s *server) active() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.state.Load() == connActive {
			n++
		}
	}
	return n
}

// closeAll closes every connection. Connections in the middle of a request are
// reset, so that nobody takes a cut answer for a whole one.
func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for nc := range s.greets {
		_ = nc.Close()
	}
	for c := range s.conns {
		if c.state.CompareAndSwap(connIdle, connEnding) {
			_ = c.sock.Close()
			continue
		}
		_ = c.sock.Reset()
		c.hangup()
	}
}
