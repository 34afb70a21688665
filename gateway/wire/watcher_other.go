//go:build !linux

package wire

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweepInterval is how often connections are looked at where there is no epoll.
const sweepInterval = 50 * time.Millisecond

// Watcher tells connections when their peer hangs up. One serves all connections
// of a process. It is safe for concurrent use. Without epoll it sweeps over the
// connections; bytes that a peer has sent and nobody has read yet hide its
// hang-up.
type Watcher struct {
	quit, done chan struct{}
	closing    sync.Once

	mu    sync.Mutex
	conns map[*Conn]syscall.RawConn
}

// NewWatcher starts a watcher. With halfClose nothing is watched, since a sweep
// cannot tell a half-closed connection from a closed one. Close ends its
// goroutine.
func NewWatcher(halfClose bool) (*Watcher, error) {
	w := &Watcher{quit: make(chan struct{}), done: make(chan struct{}), conns: map[*Conn]syscall.RawConn{}}
	if halfClose {
		w.conns = nil
	}
	go w.run()
	return w, nil
}

// Close ends the watch. Connections stay open and are told nothing any more.
func (w *Watcher) Close() error {
	w.closing.Do(func() { close(w.quit) })
	<-w.done
	return nil
}

func (w *Watcher) add(c *Conn) {
	sc, ok := c.transport().(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns != nil {
		w.conns[c] = raw
	}
}

func (w *Watcher) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

func (w *Watcher) run() {
	defer close(w.done)
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-tick.C:
			for _, c := range w.sweep() {
				c.peerGone()
			}
		}
	}
}

func (w *Watcher) sweep() (gone []*Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var one [1]byte
	for c, raw := range w.conns {
		hungUp := false
		err := raw.Control(func(fd uintptr) {
			n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			hungUp = (n == 0 && err == nil) || err == unix.ECONNRESET
		})
		if hungUp || err != nil {
			gone = append(gone, c)
			delete(w.conns, c)
		}
	}
	return gone
}
