package upstream

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-gateway/weir/gateway/wire"
)

// trustIdle is how long the watcher's word alone is taken for an idle connection.
// Beyond it the socket is asked as well, since a lost notice or an unasked-for
// answer (408 before a close, say) would only show there.
const trustIdle = time.Second

// Conn is a connection to an endpoint. It belongs to the caller of
// [Endpoint.Acquire] until [Endpoint.Release] or [Endpoint.Discard]. Deadlines are
// as its last user left them.
type Conn struct {
	*wire.Conn
	Reused bool // it served a call before; if it fails without an answer it may just have been stale

	owner   *backend
	born    time.Time
	idleAt  time.Time
	watched bool
	closed  atomic.Bool

	raw     syscall.RawConn // of the socket below TLS; nil if it has none
	poll    [1]unix.PollFd
	pollErr error
	polled  int
	pollFn  func(fd uintptr)

	newer, older *Conn // in the idle list
}

// newConn takes over nc, which is a connection to owner.
func newConn(owner *backend, nc net.Conn, w *wire.Watcher, now time.Time) *Conn {
	c := &Conn{owner: owner, born: now, watched: w != nil}
	if sc, ok := transport(nc).(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	c.pollFn = c.pollSocket
	c.Conn = wire.NewConn(nc, w, nil)
	owner.open.Add(1)
	return c
}

// transport returns the socket below TLS.
func transport(nc net.Conn) net.Conn {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return nc
}

// Close closes the connection; further calls do nothing. It may be called from
// any goroutine to end what is under way; the owner still discards it.
func (c *Conn) Close() error {
	if !c.closed.Swap(true) {
		c.owner.open.Add(-1)
	}
	return c.Conn.Close()
}

// Reset closes the connection so that the peer sees it reset.
func (c *Conn) Reset() error {
	if !c.closed.Swap(true) {
		c.owner.open.Add(-1)
	}
	return c.Conn.Reset()
}

// fit reports whether the idle connection can carry another call.
func (c *Conn) fit(now time.Time, limits *ConnPool) bool {
	if c.expired(now, limits) {
		return false
	}
	return c.watched && now.Sub(c.idleAt) < trustIdle || c.quiet()
}

// expired tells what can be told without asking the socket.
func (c *Conn) expired(now time.Time, limits *ConnPool) bool {
	return c.closed.Load() || c.PeerGone() || c.aged(now, limits) ||
		limits.IdleTimeout > 0 && now.Sub(c.idleAt) >= limits.IdleTimeout
}

func (c *Conn) aged(now time.Time, limits *ConnPool) bool {
	return limits.MaxLifetime > 0 && now.Sub(c.born) >= limits.MaxLifetime
}

// quiet asks the socket whether there is something to read. On an idle connection
// that is its end, or bytes that nobody asked for and that would pass for the
// next answer.
func (c *Conn) quiet() bool {
	if c.raw == nil {
		return true // not a socket; a dead one will show at the first write
	}
	if err := c.raw.Control(c.pollFn); err != nil {
		return false
	}
	return c.pollErr == nil && c.polled == 0
}

func (c *Conn) pollSocket(fd uintptr) {
	c.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	for {
		c.polled, c.pollErr = unix.Poll(c.poll[:], 0)
		if c.pollErr != unix.EINTR { //nolint:errorlint // Poll returns it bare
			return
		}
	}
}

// idleList holds connections between calls. The one that came last leaves first:
// it is the least likely to be stale, and the ones not needed age together at the
// other end. Every operation but sweep takes constant time.
type idleList struct {
	mu             sync.Mutex
	newest, oldest *Conn
	n              int
	shut           bool
}

// pop takes the newest connection, nil if there is none.
func (l *idleList) pop() *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.newest
	if c != nil {
		l.unlink(c)
	}
	return c
}

// push adds c and returns the connection that must be closed for it: the oldest
// when the list is full, c itself when nothing is kept.
func (l *idleList) push(c *Conn, most int) (surplus *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut || most <= 0 {
		return c
	}
	if l.n >= most {
		surplus = l.oldest
		l.unlink(surplus)
	}
	c.older, l.newest = l.newest, c
	if c.older != nil {
		c.older.newer = c
	} else {
		l.oldest = c
	}
	l.n++
	return surplus
}

func (l *idleList) unlink(c *Conn) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		l.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		l.oldest = c.newer
	}
	c.newer, c.older = nil, nil
	l.n--
}

// sweep takes out what expired and returns it, linked by older.
func (l *idleList) sweep(now time.Time, limits *ConnPool) (expired *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.oldest; c != nil; {
		next := c.newer
		if c.expired(now, limits) || l.n > limits.MaxIdle {
			l.unlink(c)
			c.older, expired = expired, c
		}
		c = next
	}
	return expired
}

// close empties the list for good and returns what was in it, linked by older.
func (l *idleList) close() *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.newest
	l.newest, l.oldest, l.n, l.shut = nil, nil, 0, true
	return all
}

func (l *idleList) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// closeChain closes connections that are linked by older and returns their
// number.
func closeChain(c *Conn) (n int) {
	for ; c != nil; n++ {
		next := c.older
		c.older, c.newer = nil, nil
		_ = c.Close()
		c = next
	}
	return n
}
