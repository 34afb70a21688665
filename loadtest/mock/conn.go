package mock

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a client's connection that knows when the client has hung up, and that can be made to misbehave.
type conn struct {
	net.Conn
	owner *connTable
	watch func() // stops the watch for a hang-up; set once, before the connection is handed out

	hangUp sync.Once
	gone   chan struct{} // closed when the client has closed its side

	closing  sync.Once
	draining atomic.Bool // the server is shutting down: reads report the end
	muted    atomic.Bool // bytes of the HTTP server are dropped, because raw bytes were sent in their place
}

// Read passes on to the connection. A new read means that the answer before it is over, so muting ends there.
func (c *conn) Read(p []byte) (int, error) {
	if c.draining.Load() {
		return 0, io.EOF
	}
	if c.muted.Load() {
		c.muted.Store(false)
	}
	n, err := c.Conn.Read(p)
	if err != nil && n == 0 && c.draining.Load() {
		err = io.EOF
	}
	return n, err
}

// Write passes on to the connection unless it is muted.
func (c *conn) Write(p []byte) (int, error) {
	if c.muted.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close ends the watch before it closes, so that the number of the file cannot be reused under the watch.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		if c.watch != nil {
			c.watch()
		}
		err = c.Conn.Close()
		c.owner.remove(c)
	})
	return err
}

// raw sends bytes past the HTTP server and drops what the server itself writes for this request.
func (c *conn) raw(p []byte) error {
	_, err := c.Conn.Write(p)
	c.muted.Store(true)
	return err
}

// reset closes with an RST where the transport has one.
func (c *conn) reset() {
	if t, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0) // on failure the close below is an ordinary one
	}
	_ = c.Close()
}

// markGone is called by the watch, at most once with effect.
func (c *conn) markGone() { c.hangUp.Do(func() { close(c.gone) }) }

// drain makes a waiting read, and every later one, report the end. Answers under way are still written.
func (c *conn) drain() {
	c.draining.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed already needs none
}

// connTable holds the open connections. It is bounded by the file limit of the process.
type connTable struct {
	watcher *watcher

	mu       sync.Mutex
	open     map[*conn]struct{}
	accepted int64
}

func (t *connTable) add(nc net.Conn) *conn {
	c := &conn{Conn: nc, owner: t, gone: make(chan struct{})}
	t.mu.Lock()
	t.open[c] = struct{}{}
	t.accepted++
	t.mu.Unlock()
	c.watch = t.watcher.add(c)
	return c
}

func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	delete(t.open, c)
	t.mu.Unlock()
}

// all returns the open connections of the moment.
func (t *connTable) all() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*conn, 0, len(t.open))
	for c := range t.open {
		list = append(list, c)
	}
	return list
}

func (t *connTable) counts() (open int, accepted int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open), t.accepted
}
