package gateway

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/gateway/wire"
	"github.com/weir-gateway/weir/scheduler"
)

// clientConn is one connection of a client and the exchange under way on it.
// HTTP/1.1 answers requests in order, so there is one exchange at a time and its
// memory is used again for the next.
type clientConn struct {
	g      *Gateway
	sock   *wire.Conn
	peer   netip.Addr
	secure bool

	in   *wire.Buffer // what the client sent: the request under way and what is behind it
	used int          // bytes of in that belong to the request under way
	out  *wire.Buffer // what is being written to the client

	req http1.Request
	res http1.Response
	x   exchange

	state atomic.Int32

	mu      sync.Mutex       // guards what the watcher touches
	gone    bool             // the client has hung up
	waiting scheduler.Ticket // in a queue
	queued  bool
	up      *upstream.Conn // answering
	abort   chan struct{}  // closed on hang-up; made when somebody waits for it
}

// States of a connection, for draining.
const (
	connIdle   int32 = iota // between requests
	connActive              // a request is being read or answered
	connEnding              // idle, and closed by a drain
)

func newClientConn(g *Gateway, nc net.Conn, secure bool) *clientConn {
	c := &clientConn{g: g, secure: secure, peer: peerAddr(nc)}
	c.x.c = c
	c.x.body.c = c
	c.sock = wire.NewConn(nc, g.watcher, c.hangup)
	return c
}

func peerAddr(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (c *clientConn) scheme() string {
	if c.secure {
		return "https"
	}
	return "http"
}

// serve answers requests until the connection ends.
func (c *clientConn) serve() {
	defer c.release()
	for {
		snap, ok := c.readRequest()
		if !ok {
			return
		}
		c.x.begin(snap)
		c.x.serve()
		if !c.next() {
			return
		}
	}
}

func (c *clientConn) release() {
	_ = c.sock.Close()
	c.in.Free()
	c.out.Free()
	c.in, c.out = nil, nil
}

// readRequest waits for a request and parses its head. It returns the
// configuration that the request will be served with.
func (c *clientConn) readRequest() (*snapshot, bool) {
	c.req.Reset()
	c.used = 0
	snap := c.g.snap.Load()
	var headBy time.Time // set with the first byte
	for {
		if c.in.Len() > 0 {
			if headBy.IsZero() {
				if !c.state.CompareAndSwap(connIdle, connActive) {
					return nil, false // closed by a drain
				}
				c.x.start = time.Now()
				snap = c.g.snap.Load()
				headBy = c.x.start.Add(snap.cfg.Server.Limits.HeaderTimeout)
			}
			n, err := c.req.Parse(c.in.Bytes(), snap.limits)
			if err != nil {
				c.refuse(snap, parseFailure(err))
				return nil, false
			}
			if n > 0 {
				c.used = n
				return snap, true
			}
		}
		if err := c.readMore(snap, headBy); err != nil {
			if !headBy.IsZero() && errors.Is(err, os.ErrDeadlineExceeded) {
				c.refuse(snap, failSlowHeader)
			}
			return nil, false
		}
	}
}

// readMore reads behind what is in c.in. Before the first byte of a request the
// idle timeout runs, afterwards the deadline of the head.
func (c *clientConn) readMore(snap *snapshot, headBy time.Time) error {
	var err error
	if headBy.IsZero() {
		err = c.sock.ReadWithin(time.Now(), snap.cfg.Server.Limits.IdleTimeout)
		c.in.Free()
		c.in = nil
	} else {
		err = c.sock.ReadUntil(headBy)
		if len(c.in.Room()) == 0 {
			c.in = c.in.Grown(min(2*c.in.Len(), snap.limits.HeaderBytes+1))
			c.req.Rebase(c.in.Bytes())
		}
	}
	if err != nil {
		return err
	}
	_, err = c.sock.Fill(&c.in, wire.MediumBuffer)
	return err
}

// next makes the connection ready for the following request, or says that there
// will be none.
func (c *clientConn) next() bool {
	if c.x.close {
		c.linger()
		return false
	}
	c.in.Skip(c.used)
	if rest := c.x.body.takeRest(); rest != nil {
		c.in.Free()
		c.in = rest
	}
	c.state.Store(connIdle)
	return true
}

// linger closes the sending side first and reads on for a moment: closing a
// socket with unread data makes the kernel send a reset, which can destroy an
// answer that the client has not read yet (RFC 9112 section 9.6).
func (c *clientConn) linger() {
	if c.x.unread == 0 || c.sock.CloseWrite() != nil {
		return
	}
	const (
		patience = 2 * time.Second
		most     = 1 << 20
	)
	if c.sock.ReadUntil(time.Now().Add(patience)) != nil {
		return
	}
	var trash *wire.Buffer
	for n := 0; n < most; {
		k, err := c.sock.Fill(&trash, wire.MediumBuffer)
		if err != nil {
			break
		}
		n += k
		trash.Skip(k)
	}
	trash.Free()
}

// refuse answers a request whose head could not be read and ends the connection.
func (c *clientConn) refuse(snap *snapshot, f *failure) {
	x := &c.x
	x.begin(snap)
	x.unreadable = true
	x.unread = 1
	x.fail(f)
	x.finish()
	c.linger()
}

// hangup is called by the watcher when the client is gone: a waiting request
// leaves its queue, a running one its upstream.
func (c *clientConn) hangup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.queued {
		c.waiting.Cancel(errClientGone)
	}
	if c.up != nil {
		_ = c.up.Reset() // never waits, as the good-bye of TLS may
	}
	if c.abort != nil {
		close(c.abort)
		c.abort = nil
	}
}

// clientGone reports whether the client has hung up.
func (c *clientConn) clientGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// watchTicket lets a hang-up withdraw t; false says that it already happened.
func (c *clientConn) watchTicket(t scheduler.Ticket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting, c.queued = t, true
	return !c.gone
}

func (c *clientConn) unwatchTicket() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued = false
}

// watchUpstream lets a hang-up close u; false says that it already happened.
func (c *clientConn) watchUpstream(u *upstream.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = u
	return !c.gone
}

func (c *clientConn) unwatchUpstream() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = nil
}

// aborted returns a channel that is closed when the client hangs up. It is made
// on demand, for the waits that are rare.
func (c *clientConn) aborted() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{})
	if c.gone {
		close(ch)
	} else {
		c.abort = ch
	}
	return ch
}

// write sends what is in c.out.
func (c *clientConn) flush(now time.Time) error {
	if c.out.Len() == 0 {
		return nil
	}
	err := c.write(now, c.out.Bytes())
	c.out.Skip(c.out.Len())
	return err
}

func (c *clientConn) write(now time.Time, p []byte) error {
	if err := c.sock.WriteWithin(now, c.x.snap.cfg.Server.Limits.WriteTimeout); err != nil {
		return err
	}
	n, err := c.sock.Write(p)
	c.x.bytesOut += int64(n)
	return err
}

// output returns the buffer for what goes to the client.
func (c *clientConn) output() *wire.Buffer {
	if c.out == nil {
		c.out = wire.NewBuffer(wire.MediumBuffer)
	}
	return c.out
}
