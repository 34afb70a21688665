package wire

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Watcher tells connections when their peer hangs up. One serves all connections
// of a process. It is safe for concurrent use.
type Watcher struct {
	file   *os.File        // the epoll instance as the runtime's poller sees it
	raw    syscall.RawConn // its descriptor, held open while in use
	events uint32
	done   chan struct{}

	mu    sync.Mutex
	slots []slot
	free  []uint32
}

// slot holds a watched connection. The generation tells a late event for a
// closed connection from one for the connection that took its place.
type slot struct {
	conn *Conn
	gen  uint32
}

// NewWatcher starts a watcher. With halfClose a peer that merely closes its
// sending side is not counted as gone. Close ends its goroutine.
func NewWatcher(halfClose bool) (*Watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll instance: %w", err)
	}
	// A non-blocking epoll descriptor can itself be polled by the runtime, so the
	// watcher parks a goroutine and not a thread.
	if err := unix.SetNonblock(epfd, true); err != nil {
		_ = unix.Close(epfd)
		return nil, fmt.Errorf("set epoll instance non-blocking: %w", err)
	}
	file := os.NewFile(uintptr(epfd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("poll epoll instance: %w", err)
	}
	w := &Watcher{
		file:   file,
		raw:    raw,
		events: unix.EPOLLRDHUP | unix.EPOLLET,
		done:   make(chan struct{}),
		slots:  make([]slot, 1), // slot 0 means "not watched"
	}
	if halfClose {
		w.events = unix.EPOLLET // EPOLLHUP and EPOLLERR are always reported
	}
	go w.run()
	return w, nil
}

// Close ends the watch. Connections stay open and are told nothing any more.
func (w *Watcher) Close() error {
	err := w.file.Close()
	<-w.done
	return err
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
	w.take(c)
	ev := unix.EpollEvent{Events: w.events, Fd: int32(c.slot >> 32), Pad: int32(uint32(c.slot))}
	failed := true
	_ = raw.Control(func(fd uintptr) {
		_ = w.raw.Control(func(epfd uintptr) {
			failed = unix.EpollCtl(int(epfd), unix.EPOLL_CTL_ADD, int(fd), &ev) != nil
		})
	})
	if failed {
		w.release(c.slot)
		c.slot = 0
	}
}

// take finds a slot for c and gives it the handle: generation and index. It does
// so under the lock, since the peer may be gone, and the watcher's goroutine
// close c, before add returns.
func (w *Watcher) take(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var i uint32
	if n := len(w.free); n > 0 {
		i, w.free = w.free[n-1], w.free[:n-1]
	} else {
		i = uint32(len(w.slots))
		w.slots = append(w.slots, slot{})
	}
	w.slots[i].conn = c
	c.slot = uint64(w.slots[i].gen)<<32 | uint64(i)
}

func (w *Watcher) release(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.slots[uint32(id)]
	if s.gen != uint32(id>>32) || s.conn == nil {
		return
	}
	s.conn = nil
	s.gen++
	w.free = append(w.free, uint32(id))
}

// remove forgets c. The kernel drops the registration when the descriptor is
// closed.
func (w *Watcher) remove(c *Conn) {
	if c.slot != 0 {
		w.release(c.slot)
	}
}

func (w *Watcher) run() {
	defer close(w.done)
	events := make([]unix.EpollEvent, 256)
	var n int
	var err error
	wait := func(fd uintptr) bool {
		for {
			n, err = unix.EpollWait(int(fd), events, 0)
			if !errors.Is(err, unix.EINTR) {
				return n > 0 || err != nil
			}
		}
	}
	for w.raw.Read(wait) == nil && err == nil {
		for i := range events[:n] {
			id := uint64(uint32(events[i].Fd))<<32 | uint64(uint32(events[i].Pad))
			if c := w.lookup(id); c != nil {
				c.peerGone()
			}
		}
	}
}

func (w *Watcher) lookup(id uint64) *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.slots[uint32(id)]
	if s.gen != uint32(id>>32) {
		return nil
	}
	return s.conn
}
