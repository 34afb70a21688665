package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a connection whose hang-up is watched. Reading belongs to one
// goroutine at a time and so does writing; Close, Reset, CloseWrite and PeerGone
// may be called from any.
type Conn struct {
	nc      net.Conn
	raw     syscall.RawConn // nil for TLS and for connections without a descriptor
	watcher *Watcher
	slot    uint64 // the watcher's handle, 0 when not watched

	gone   atomic.Bool
	closed atomic.Bool
	onGone func()

	readArmed, writeArmed int64 // deadlines in force, Unix nanoseconds, 0 for none

	// One read under way, kept here so that the call-back of the kernel needs no
	// closure.
	readFn  func(fd uintptr) bool
	readBuf *Buffer
	readCap int
	readN   int
	readErr error
}

// NewConn wraps nc. A watcher that is not nil watches it until Close; onGone, if
// not nil, is then called once from the watcher's goroutine when the peer hangs
// up, and must not block. It can run before NewConn returns and, if the two
// coincide, just after Close.
func NewConn(nc net.Conn, w *Watcher, onGone func()) *Conn {
	c := &Conn{nc: nc, watcher: w, onGone: onGone}
	c.readFn = c.readReady
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	if w != nil {
		w.add(c)
	}
	return c
}

// NetConn returns the connection underneath.
func (c *Conn) NetConn() net.Conn { return c.nc }

// PeerGone reports whether the peer is known to have closed its side. It costs
// no system call; without a watcher it is always false.
func (c *Conn) PeerGone() bool { return c.gone.Load() }

// Fill reads what is there, or waits for something, and adds it to *b. When *b is
// nil, a buffer of the given size is taken from the pool once there is something
// to put into it, so that waiting costs no memory. It returns the number of bytes
// added, or io.EOF, or the error. Without room in *b it is io.ErrShortBuffer.
func (c *Conn) Fill(b **Buffer, size int) (int, error) {
	if *b != nil && len((*b).Room()) == 0 {
		return 0, io.ErrShortBuffer
	}
	if c.raw == nil {
		return c.fillPlain(b, size)
	}
	c.readBuf, c.readCap, c.readN, c.readErr = *b, size, 0, nil
	err := c.raw.Read(c.readFn)
	*b, c.readBuf = c.readBuf, nil
	switch {
	case err != nil:
		return 0, err
	case c.readErr != nil:
		return 0, &net.OpError{
			Op: "read", Net: c.nc.LocalAddr().Network(), Source: c.nc.LocalAddr(), Addr: c.nc.RemoteAddr(),
			Err: os.NewSyscallError("read", c.readErr),
		}
	case c.readN == 0:
		return 0, io.EOF
	}
	return c.readN, nil
}

// readReady is called by the runtime whenever the socket may be readable; false
// makes it wait.
func (c *Conn) readReady(fd uintptr) bool {
	fresh := c.readBuf == nil
	if fresh {
		c.readBuf = NewBuffer(c.readCap)
	}
	for {
		n, err := syscall.Read(int(fd), c.readBuf.Room())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if fresh {
				c.readBuf.Free()
				c.readBuf = nil
			}
			return false
		case err != nil:
			c.readErr = err
		default:
			c.readN = n
			c.readBuf.Grew(n)
		}
		if c.readN == 0 && fresh {
			c.readBuf.Free()
			c.readBuf = nil
		}
		return true
	}
}

func (c *Conn) fillPlain(b **Buffer, size int) (int, error) {
	fresh := *b == nil
	if fresh {
		*b = NewBuffer(size)
	}
	n, err := c.nc.Read((*b).Room())
	if n > 0 {
		(*b).Grew(n)
		return n, nil
	}
	if fresh {
		(*b).Free()
		*b = nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// Read implements io.Reader.
func (c *Conn) Read(p []byte) (int, error) { return c.nc.Read(p) }

// Write implements io.Writer: it writes all of p or returns an error.
func (c *Conn) Write(p []byte) (int, error) { return c.nc.Write(p) }

// ReadWithin gives every read that starts from now on at least d and at most 9/8
// of d; zero means no deadline.
func (c *Conn) ReadWithin(now time.Time, d time.Duration) error {
	return arm(&c.readArmed, now, d, c.nc.SetReadDeadline)
}

// WriteWithin is ReadWithin for writes.
func (c *Conn) WriteWithin(now time.Time, d time.Duration) error {
	return arm(&c.writeArmed, now, d, c.nc.SetWriteDeadline)
}

func arm(armed *int64, now time.Time, d time.Duration, set func(time.Time) error) error {
	if d <= 0 {
		if *armed == 0 {
			return nil
		}
		*armed = 0
		return set(time.Time{})
	}
	least := now.UnixNano() + int64(d)
	if *armed >= least && *armed <= least+int64(d/8) {
		return nil
	}
	at := now.Add(d + d/8)
	*armed = at.UnixNano()
	return set(at)
}

// ReadUntil ends every read at t; a zero t means no deadline.
func (c *Conn) ReadUntil(t time.Time) error {
	if t.IsZero() {
		c.readArmed = 0
	} else {
		c.readArmed = t.UnixNano()
	}
	return c.nc.SetReadDeadline(t)
}

// SetDeadline sets both deadlines as net.Conn does.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the read deadline as net.Conn does.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.ReadUntil(t) }

// SetWriteDeadline sets the write deadline as net.Conn does.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		c.writeArmed = 0
	} else {
		c.writeArmed = t.UnixNano()
	}
	return c.nc.SetWriteDeadline(t)
}

// Close closes the connection; further calls do nothing. Operations under way
// return an error. Over TLS it first says good-bye to the peer, which can take
// seconds when the peer does not read; [Conn.Reset] never waits.
func (c *Conn) Close() error { return c.end(c.nc) }

// Reset closes the connection so that the peer sees it reset and cannot take it
// for the regular end of a message. Over TLS it leaves out the close_notify, which
// would say the opposite.
func (c *Conn) Reset() error {
	type lingerer interface{ SetLinger(sec int) error }
	t := c.transport()
	if l, ok := t.(lingerer); ok {
		_ = l.SetLinger(0)
	}
	return c.end(t)
}

func (c *Conn) end(nc net.Conn) error {
	if c.closed.Swap(true) {
		return nil
	}
	if c.watcher != nil {
		c.watcher.remove(c)
	}
	return nc.Close()
}

// CloseWrite tells the peer that nothing more comes and leaves reading open.
func (c *Conn) CloseWrite() error {
	type writeCloser interface{ CloseWrite() error }
	if w, ok := c.nc.(writeCloser); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// transport returns the socket below TLS.
func (c *Conn) transport() net.Conn {
	type tlsConn interface{ NetConn() net.Conn }
	if t, ok := c.nc.(tlsConn); ok {
		return t.NetConn()
	}
	return c.nc
}

// peerGone records the hang-up and tells the owner. It is called by the watcher.
func (c *Conn) peerGone() {
	if c.gone.Swap(true) || c.onGone == nil {
		return
	}
	c.onGone()
}
