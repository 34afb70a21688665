package wire

import (
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watched wraps nc and returns a channel that is closed when the peer is gone; a
// second call of the call-back would panic.
func watched(nc net.Conn, w *Watcher) (*Conn, <-chan struct{}) {
	gone := make(chan struct{})
	return NewConn(nc, w, func() { close(gone) }), gone
}

func needsEpoll(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only epoll can tell")
	}
}

// settle returns when the watcher has looked at everything that happened before.
func settle(t *testing.T, w *Watcher) {
	t.Helper()
	server, client := pair(t, "tcp")
	c, gone := watched(server, w)
	require.NoError(t, client.Close())
	await(t, gone, "the watcher has come to this connection")
	require.NoError(t, c.Close())
}

func TestWatcherNoticesHangUp(t *testing.T) {
	for name, hangUp := range map[string]func(net.Conn) error{
		"close":      net.Conn.Close,
		"reset":      func(c net.Conn) error { _ = c.(*net.TCPConn).SetLinger(0); return c.Close() },
		"half-close": func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatcher(t, false)
			server, peer := pair(t, "tcp")
			c, gone := watched(server, w)
			assert.False(t, c.PeerGone())
			require.NoError(t, hangUp(peer))
			await(t, gone, name)
			assert.True(t, c.PeerGone())
			require.NoError(t, c.Close())
			settle(t, w)
		})
		t.Run(name+" with unread bytes", func(t *testing.T) {
			needsEpoll(t)
			w := newWatcher(t, false)
			server, peer := pair(t, "tcp")
			c, gone := watched(server, w)
			_, err := peer.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			require.NoError(t, err)
			require.NoError(t, hangUp(peer))
			await(t, gone, name)
			require.NoError(t, c.Close())
		})
		t.Run(name+" before it is watched", func(t *testing.T) {
			w := newWatcher(t, false)
			server, peer := pair(t, "tcp")
			require.NoError(t, hangUp(peer))
			c, gone := watched(server, w)
			await(t, gone, name)
			require.NoError(t, c.Close())
		})
	}
}

func TestWatcherOtherSockets(t *testing.T) {
	t.Run("unix", func(t *testing.T) {
		server, peer := pair(t, "unix")
		c, gone := watched(server, newWatcher(t, false))
		require.NoError(t, peer.Close())
		await(t, gone, "close")
		require.NoError(t, c.Close())
	})
	t.Run("tls", func(t *testing.T) {
		needsEpoll(t) // the good-bye is unread
		server, peer := tlsPair(t)
		c, gone := watched(server, newWatcher(t, false))
		require.NoError(t, peer.Close())
		await(t, gone, "close")
		require.NoError(t, c.Close())
	})
	t.Run("pipe", func(t *testing.T) {
		server, peer := net.Pipe()
		w := newWatcher(t, false)
		c, gone := watched(server, w)
		require.NoError(t, peer.Close())
		settle(t, w)
		assert.Empty(t, gone, "it has no descriptor to watch")
		require.NoError(t, c.Close())
	})
}

// While somebody waits in Fill, both notice.
func TestWatcherBesideFill(t *testing.T) {
	server, peer := pair(t, "tcp")
	c, gone := watched(server, newWatcher(t, false))
	done := make(chan error, 1)
	go func() {
		var b *Buffer
		_, err := c.Fill(&b, SmallBuffer)
		done <- err
	}()
	require.NoError(t, peer.Close())
	await(t, gone, "watcher")
	assert.Error(t, await(t, done, "Fill"))
	require.NoError(t, c.Close())
}

// Whatever a live connection does, its peer is not gone.
func TestWatcherLeavesLiveConnectionsAlone(t *testing.T) {
	w := newWatcher(t, false)
	type liveConn struct {
		*Conn
		peer net.Conn
		gone <-chan struct{}
	}
	live := make([]liveConn, 20)
	for i := range live {
		server, peer := pair(t, "tcp")
		live[i].Conn, live[i].gone = watched(server, w)
		live[i].peer = peer
	}
	for i, l := range live {
		_, err := l.peer.Write([]byte("unread"))
		require.NoError(t, err)
		if i%2 == 0 {
			var b *Buffer
			_, err = l.Fill(&b, SmallBuffer)
			require.NoError(t, err)
			b.Free()
			_, err = l.Write([]byte("answer"))
			require.NoError(t, err)
		}
		if i%5 == 0 {
			require.NoError(t, l.CloseWrite())
		}
	}
	settle(t, w)
	for _, l := range live {
		assert.False(t, l.PeerGone())
		require.NoError(t, l.Close())
	}
	settle(t, w)
	for _, l := range live {
		assert.False(t, l.PeerGone(), "our own end is not the peer's")
		require.NoError(t, l.peer.Close())
	}
	settle(t, w)
	for _, l := range live {
		assert.Empty(t, l.gone)
		assert.False(t, l.PeerGone(), "a closed connection is told nothing")
	}
}

func TestWatcherHalfCloseAllowed(t *testing.T) {
	needsEpoll(t)
	w := newWatcher(t, true)
	server, peer := pair(t, "tcp")
	c, gone := watched(server, w)
	require.NoError(t, peer.(*net.TCPConn).CloseWrite())

	// A reset is noticed in this mode too, and comes behind the half-close.
	other, otherPeer := pair(t, "tcp")
	oc, otherGone := watched(other, w)
	require.NoError(t, otherPeer.(*net.TCPConn).SetLinger(0))
	require.NoError(t, otherPeer.Close())
	await(t, otherGone, "reset")
	assert.False(t, c.PeerGone(), "half-closed is not gone")
	_, err := c.Write([]byte("answer"))
	require.NoError(t, err)

	require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
	require.NoError(t, peer.Close())
	await(t, gone, "reset behind the half-close")
	require.NoError(t, c.Close())
	require.NoError(t, oc.Close())
}

func TestWatcherWithoutCallBack(t *testing.T) {
	w := newWatcher(t, false)
	server, peer := pair(t, "tcp")
	c := NewConn(server, w, nil)
	require.NoError(t, peer.Close())
	settle(t, w)
	assert.Eventually(t, c.PeerGone, patience, patience/10_000)
	require.NoError(t, c.Close())
}

func TestWatcherClose(t *testing.T) {
	w, err := NewWatcher(false)
	require.NoError(t, err)
	server, peer := pair(t, "tcp")
	c, gone := watched(server, w)
	require.NoError(t, w.Close())
	_ = w.Close() // a second time does nothing
	require.NoError(t, peer.Close())

	// Connections that come and go afterwards are merely not watched.
	late, latePeer := pair(t, "tcp")
	lc, lateGone := watched(late, w)
	require.NoError(t, latePeer.Close())
	var b *Buffer
	_, err = lc.Fill(&b, SmallBuffer)
	assert.Error(t, err)
	assert.Empty(t, gone)
	assert.Empty(t, lateGone)
	assert.False(t, c.PeerGone())
	require.NoError(t, c.Close())
	require.NoError(t, lc.Close())
}

// Thousands of connections take each other's places: each call-back comes exactly
// once, for the connection whose peer hung up, and never for one that was closed
// on this side first.
func TestWatcherReusesSlots(t *testing.T) {
	needsEpoll(t)
	const total, workers = 2000, 32
	w := newWatcher(t, false)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	accepted := make(map[string]chan net.Conn) // by the client's address
	var mu sync.Mutex
	waiting := func(addr string) chan net.Conn {
		mu.Lock()
		defer mu.Unlock()
		if accepted[addr] == nil {
			accepted[addr] = make(chan net.Conn, 1)
		}
		return accepted[addr]
	}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			waiting(nc.RemoteAddr().String()) <- nc
		}
	}()

	var wrong, rightly atomic.Int64
	var open sync.WaitGroup
	for i := range workers {
		open.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for range total / workers {
				client, err := net.Dial("tcp", l.Addr().String())
				if !assert.NoError(t, err) {
					return
				}
				addr := client.LocalAddr().String()
				server := <-waiting(addr)
				mu.Lock()
				delete(accepted, addr)
				mu.Unlock()

				var hungUp atomic.Bool
				gone := make(chan struct{}, 2)
				c := NewConn(server, w, func() {
					if !hungUp.Load() {
						wrong.Add(1)
					}
					gone <- struct{}{}
				})
				if rnd.IntN(2) == 0 {
					_, _ = client.Write([]byte("pipelined"))
				}
				if rnd.IntN(3) == 0 { // this side first: no call-back
					_ = c.Close()
					_ = client.Close()
					continue
				}
				hungUp.Store(true)
				if rnd.IntN(2) == 0 {
					_ = client.(*net.TCPConn).SetLinger(0)
				}
				_ = client.Close()
				await(t, gone, "call-back")
				rightly.Add(1)
				assert.True(t, c.PeerGone())
				_ = c.Close()
				assert.Empty(t, gone, "called twice")
			}
		})
	}
	open.Wait()
	settle(t, w)
	assert.Zero(t, wrong.Load(), "call-backs for connections whose peer was there")
	assert.Positive(t, rightly.Load())
	assertNoSlotTaken(t, w)
}
