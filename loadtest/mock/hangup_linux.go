package mock

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher notices clients that hang up. The HTTP server does not look at a socket while a handler runs, so a
// private epoll does: it costs nothing per request, and it sees a close even while pipelined bytes lie
// unread before it, which a peek would miss. A client that only shuts down its sending side counts as gone,
// as it does for net/http and nginx.
type watcher struct {
	epoll int
	wake  int // eventfd that ends the wait
	done  chan struct{}

	mu     sync.Mutex
	next   int32
	byFile map[int32]watched // guarded by mu
}

// watched is one connection with the generation it was added in: a late event for a file number that has
// been reused since carries the old one.
type watched struct {
	conn       *conn
	generation int32
}

func newWatcher() (*watcher, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("mock: watching for hang-ups: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mock: watching for hang-ups: %w", err), unix.Close(epoll))
	}
	w := &watcher{epoll: epoll, wake: wake, done: make(chan struct{}), byFile: map[int32]watched{}}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}); err != nil {
		return nil, errors.Join(fmt.Errorf("mock: watching for hang-ups: %w", err), unix.Close(epoll), unix.Close(wake))
	}
	go w.run()
	return w, nil
}

// add starts the watch and returns what ends it; nil for a connection without a file, such as one in memory.
func (w *watcher) add(c *conn) (stop func()) {
	nc := c.Conn
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = t.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	file := int32(-1)
	if err := rc.Control(func(fd uintptr) { file = w.register(int32(fd), c) }); err != nil || file < 0 {
		return nil
	}
	return func() { w.remove(file) }
}

func (w *watcher) register(fd int32, c *conn) int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	ev := unix.EpollEvent{Events: unix.EPOLLRDHUP | unix.EPOLLET, Fd: fd, Pad: w.next}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, int(fd), &ev); err != nil {
		return -1
	}
	w.byFile[fd] = watched{conn: c, generation: w.next}
	return fd
}

func (w *watcher) remove(fd int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byFile, fd)
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, int(fd), nil) // after the watcher's end there is nothing to delete
}

func (w *watcher) run() {
	defer close(w.done)
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(w.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for i := range max(n, 0) {
			if events[i].Fd == int32(w.wake) {
				return
			}
			w.mu.Lock()
			hit := w.byFile[events[i].Fd]
			w.mu.Unlock()
			if hit.conn != nil && hit.generation == events[i].Pad {
				hit.conn.markGone()
			}
		}
	}
}

// close ends the goroutine. Call it once, when no connection is left to add.
func (w *watcher) close() error {
	if _, err := unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("mock: ending the watch for hang-ups: %w", err)
	}
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	err := errors.Join(unix.Close(w.epoll), unix.Close(w.wake))
	w.epoll = -1
	return err
}
