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
	epfd   int
	file   *os.File // epfd as the runtime's poller sees it
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
	w := &Watcher{
		epfd:   epfd,
		file:   os.NewFile(uintptr(epfd), "epoll"),
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
	id := w.take(c)
	ev := unix.EpollEvent{Events: w.events, Fd: int32(id >> 32), Pad: int32(uint32(id))}
	cerr := raw.Control(func(fd uintptr) {
		err = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, int(fd), &ev)
	})
	if err != nil || cerr != nil {
		w.release(id)
		return
	}
	c.slot = id
}

// take finds a slot for c and returns its handle: generation and index.
func (w *Watcher) take(c *Conn) uint64 {
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
	return uint64(w.slots[i].gen)<<32 | uint64(i)
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
	raw, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 256)
	n := 0
	wait := func(fd uintptr) bool {
		for {
			n, err = unix.EpollWait(int(fd), events, 0)
			if !errors.Is(err, unix.EINTR) {
				return n > 0 || err != nil
			}
		}
	}
	for raw.Read(wait) == nil && err == nil {
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
