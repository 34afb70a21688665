package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ends returns both ends of every kind of connection.
var ends = map[string]func(t testing.TB) (server, client net.Conn){
	"tcp":  func(t testing.TB) (net.Conn, net.Conn) { return pair(t, "tcp") },
	"unix": func(t testing.TB) (net.Conn, net.Conn) { return pair(t, "unix") },
	"tls":  func(t testing.TB) (net.Conn, net.Conn) { return tlsPair(t) },
	"pipe": func(t testing.TB) (net.Conn, net.Conn) {
		s, c := net.Pipe()
		t.Cleanup(func() { _ = s.Close(); _ = c.Close() })
		return s, c
	},
}

func eachKind(t *testing.T, f func(t *testing.T, c *Conn, peer net.Conn)) {
	for kind, dial := range ends {
		t.Run(kind, func(t *testing.T) {
			server, client := dial(t)
			c := NewConn(server, nil, nil)
			assert.Same(t, server, c.NetConn())
			f(t, c, client)
		})
	}
}

func TestFillReadsUntilEOF(t *testing.T) {
	eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
		sent := []byte(strings.Repeat("0123456789", 50_000))
		go func() {
			_, _ = peer.Write(sent)
			_ = peer.Close()
		}()
		var got []byte
		var b *Buffer
		for {
			before := b.Len()
			n, err := c.Fill(&b, SmallBuffer)
			if err != nil {
				assert.Equal(t, io.EOF, err)
				assert.Nil(t, b, "nothing to hold")
				break
			}
			require.Positive(t, n)
			require.Equal(t, before+n, b.Len())
			got = append(got, b.Bytes()...)
			b.Free()
			b = nil
		}
		assert.True(t, bytes.Equal(sent, got))
	})
}

func TestFillAddsBehind(t *testing.T) {
	eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
		b := NewBuffer(SmallBuffer)
		b.Append([]byte("before "))
		go func() { _, _ = peer.Write([]byte("after")) }()
		n, err := c.Fill(&b, SmallBuffer)
		require.NoError(t, err)
		assert.Equal(t, 5, n)
		assert.Equal(t, "before after", string(b.Bytes()))

		b.Append(b.Room())
		_, err = c.Fill(&b, SmallBuffer)
		assert.Equal(t, io.ErrShortBuffer, err, "a full buffer is not the end of the stream")
		b.Skip(b.Len())
		require.NoError(t, peer.Close())
		_, err = c.Fill(&b, SmallBuffer)
		assert.Equal(t, io.EOF, err)
		require.NotNil(t, b, "the caller's buffer stays the caller's")
		b.Free()
	})
}

func TestReadAndWrite(t *testing.T) {
	eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
		go func() { _, _ = io.CopyN(peer, peer, 5) }()
		n, err := c.Write([]byte("hello"))
		require.NoError(t, err)
		assert.Equal(t, 5, n)
		var p [5]byte
		_, err = io.ReadFull(c, p[:])
		require.NoError(t, err)
		assert.Equal(t, "hello", string(p[:]))
	})
}

// A connection that waits holds no buffer: the runtime parks it without one.
func TestFillWaitsWithoutBuffer(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			server, peer := pair(t, network)
			c := NewConn(server, nil, nil)
			parked := make(chan bool, 16)
			c.readFn = func(fd uintptr) bool {
				done := c.readReady(fd)
				if !done {
					parked <- c.readBuf == nil
				}
				return done
			}
			var b *Buffer
			done := make(chan error, 1)
			go func() {
				_, err := c.Fill(&b, MediumBuffer)
				done <- err
			}()
			assert.True(t, await(t, parked, "waiting"), "no buffer while waiting")
			_, err := peer.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, await(t, done, "filled"))
			require.Equal(t, "x", string(b.Bytes()))
			assert.Equal(t, MediumBuffer, b.Cap())

			// A buffer that the caller brings is kept.
			go func() {
				_, err := c.Fill(&b, MediumBuffer)
				done <- err
			}()
			assert.False(t, await(t, parked, "waiting"))
			_, err = peer.Write([]byte("y"))
			require.NoError(t, err)
			require.NoError(t, await(t, done, "filled"))
			assert.Equal(t, "xy", string(b.Bytes()))
			b.Free()
		})
	}
}

func TestFillDeadline(t *testing.T) {
	eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
		var b *Buffer
		require.NoError(t, c.ReadUntil(time.Now().Add(time.Millisecond)))
		_, err := c.Fill(&b, SmallBuffer)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Nil(t, b)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())

		// A later deadline revives it.
		require.NoError(t, c.ReadWithin(time.Now(), patience))
		go func() { _, _ = peer.Write([]byte("x")) }()
		_, err = c.Fill(&b, SmallBuffer)
		require.NoError(t, err)
		b.Free()
	})
}

func TestWriteDeadline(t *testing.T) {
	eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
		require.NoError(t, c.WriteWithin(time.Now(), time.Millisecond))
		_, err := c.Write(make([]byte, 32<<20)) // nobody reads
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
}

// deadlines records what a connection is told.
type deadlines struct {
	net.Conn
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = append(d.read, t); return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = append(d.write, t); return nil }

// Between d and 9/8 of d the deadline in force is left alone.
func TestWithinWindow(t *testing.T) {
	const d = 8 * time.Second
	start := time.Unix(1_700_000_000, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	steps := []struct {
		name string
		now  float64
		d    time.Duration
		want []float64 // deadlines set; -1 for none
	}{
		{"first", 0, d, []float64{9}},
		{"at once again", 0, d, nil},
		{"within the window", 0.5, d, nil},
		{"at its end", 1, d, nil},
		{"behind it", 1.5, d, []float64{10.5}},
		{"much shorter", 1.5, time.Second, []float64{2.625}},
		{"longer", 1.5, d, []float64{10.5}},
		{"slightly shorter", 1.5, 8100 * time.Millisecond, nil},
		{"clock went back", -5, d, []float64{4}},
		{"none", 0, 0, []float64{-1}},
		{"none again", 0, 0, nil},
		{"negative is none", 0, -time.Second, nil},
		{"and on", 2, d, []float64{11}},
	}
	check := func(t *testing.T, within func(time.Time, time.Duration) error, set *[]time.Time) {
		for _, s := range steps {
			*set = nil
			require.NoError(t, within(at(s.now), s.d), s.name)
			var want []time.Time
			for _, w := range s.want {
				if w < 0 {
					want = append(want, time.Time{})
				} else {
					want = append(want, at(w))
				}
			}
			require.Equal(t, want, *set, s.name)
		}
	}
	nc := &deadlines{}
	c := NewConn(nc, nil, nil)
	t.Run("read", func(t *testing.T) { check(t, c.ReadWithin, &nc.read) })
	t.Run("write", func(t *testing.T) { check(t, c.WriteWithin, &nc.write) })
}

// Deadlines that were set outright are known to ReadWithin and WriteWithin.
func TestWithinAfterSetDeadline(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	nc := &deadlines{}
	c := NewConn(nc, nil, nil)
	require.NoError(t, c.SetDeadline(start.Add(time.Minute)))
	require.NoError(t, c.ReadWithin(start, 0))
	require.NoError(t, c.WriteWithin(start, 0))
	assert.Equal(t, []time.Time{start.Add(time.Minute), {}}, nc.read)
	assert.Equal(t, []time.Time{start.Add(time.Minute), {}}, nc.write)

	require.NoError(t, c.ReadUntil(start.Add(8*time.Second)))
	require.NoError(t, c.ReadWithin(start, 8*time.Second))
	assert.Len(t, nc.read, 3, "the one in force will do")
	require.NoError(t, c.SetDeadline(time.Time{}))
	require.NoError(t, c.ReadWithin(start, 8*time.Second))
	require.NoError(t, c.WriteWithin(start, 8*time.Second))
	assert.Equal(t, start.Add(9*time.Second), nc.read[len(nc.read)-1])
	assert.Equal(t, start.Add(9*time.Second), nc.write[len(nc.write)-1])
}

// Close, Reset and CloseWrite come from other goroutines than the reader's.
func TestCloseEndsFill(t *testing.T) {
	for name, end := range map[string]func(*Conn) error{"Close": (*Conn).Close, "Reset": (*Conn).Reset} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, c *Conn, peer net.Conn) {
				done := make(chan error, 1)
				go func() {
					var b *Buffer
					_, err := c.Fill(&b, SmallBuffer)
					if b != nil {
						err = errors.New("a buffer was left")
					}
					done <- err
				}()
				go func() { _, _ = io.Copy(io.Discard, peer) }() // a pipe's peer must read TLS's good-bye
				require.NoError(t, end(c))
				err := await(t, done, "Fill")
				assert.True(t, errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe), "%v", err)
				assert.NoError(t, end(c), "a second time")

				var b *Buffer
				_, err = c.Fill(&b, SmallBuffer)
				assert.Error(t, err)
				assert.Nil(t, b)
			})
		})
	}
}

func TestCloseConcurrently(t *testing.T) {
	server, _ := pair(t, "tcp")
	c := NewConn(server, newWatcher(t, false), nil)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			switch i % 4 {
			case 0:
				_ = c.Close()
			case 1:
				_ = c.Reset()
			case 2:
				_ = c.CloseWrite()
			default:
				_ = c.PeerGone()
			}
		})
	}
	wg.Wait()
	assert.NoError(t, c.Close())
}

// A reset must not look like the regular end of a message, least of all over TLS,
// where a close_notify would vouch for it.
func TestResetIsNoRegularEnd(t *testing.T) {
	for _, kind := range []string{"tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, peer := ends[kind](t)
			c := NewConn(server, nil, nil)
			_, err := c.Write([]byte("half an ans"))
			require.NoError(t, err)
			_, err = io.ReadFull(peer, make([]byte, 11))
			require.NoError(t, err)

			require.NoError(t, c.Reset())
			require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
			_, err = peer.Read(make([]byte, 1))
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		})
	}
}

// Reset does not wait for a peer that does not read.
func TestResetDoesNotWait(t *testing.T) {
	server, _ := tlsPair(t)
	c := NewConn(server, nil, nil)
	require.NoError(t, c.WriteWithin(time.Now(), 10*time.Millisecond))
	_, err := c.Write(make([]byte, 32<<20))
	require.Error(t, err)
	done := make(chan error, 1)
	go func() { done <- c.Reset() }()
	require.NoError(t, await(t, done, "Reset"))
}

func TestFillSeesReset(t *testing.T) {
	server, peer := pair(t, "tcp")
	c := NewConn(server, nil, nil)
	require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
	require.NoError(t, peer.Close())
	var b *Buffer
	_, err := c.Fill(&b, SmallBuffer)
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Nil(t, b)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "tcp", op.Net)
}

func TestCloseWrite(t *testing.T) {
	for _, kind := range []string{"tcp", "unix", "tls"} {
		t.Run(kind, func(t *testing.T) {
			server, peer := ends[kind](t)
			c := NewConn(server, nil, nil)
			require.NoError(t, c.CloseWrite())
			_, err := peer.Read(make([]byte, 1))
			assert.Equal(t, io.EOF, err)
			_, err = peer.Write([]byte("still here"))
			require.NoError(t, err)
			var b *Buffer
			_, err = c.Fill(&b, SmallBuffer)
			require.NoError(t, err)
			assert.Equal(t, "still here", string(b.Bytes()))
			b.Free()
		})
	}
	server, _ := net.Pipe()
	assert.ErrorIs(t, NewConn(server, nil, nil).CloseWrite(), errors.ErrUnsupported)
}
