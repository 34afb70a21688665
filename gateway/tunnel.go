package gateway

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/weir-gateway/weir/gateway/wire"
)

// tunnel passes 101 (Switching Protocols) on and then carries bytes both ways
// until both sides have ended (RFC 9110 section 7.8). The seat is held meanwhile.
func (a *attempt) tunnel(n int) *failure {
	x := a.x
	c := x.c
	x.status = 101
	x.close = true
	x.headSent = true
	out := c.output()
	out.SetTail(x.appendResponse(out.Tail(), 0))
	a.buf.Skip(n)
	// From here on a client that closes its side has said its last word, which
	// the upstream may still want to answer.
	c.unwatchUpstream()
	if err := a.flush(time.Now()); err != nil {
		return a.settleRelay(0, err)
	}
	var moved atomic.Int64
	moved.Store(time.Now().UnixNano())
	early := c.in.Bytes()[c.used:]
	c.used = c.in.Len()
	up := &pipe{to: a.conn.Conn, from: c.sock, first: early, idle: a.b.cfg.Timeouts.Idle, moved: &moved, done: make(chan struct{})}
	go up.run()
	down := &pipe{to: c.sock, from: a.conn.Conn, buf: a.buf, idle: a.b.cfg.Timeouts.Idle, moved: &moved, done: make(chan struct{})}
	a.buf = nil
	down.tick = x.charge
	down.run()
	if down.err != nil {
		_ = c.sock.Close()
		_ = a.conn.Close()
	}
	<-up.done
	x.bytesOut += down.n
	x.body.received += up.n
	x.complete = down.err == nil && up.err == nil
	if !x.complete {
		x.failure = failClientGone
		if down.readErr {
			x.failure = cutFailure(down.err)
		}
	}
	return nil
}

// pipe carries bytes one way until the sender ends, one side fails, or nothing
// has moved for the idle time.
type pipe struct {
	to, from *wire.Conn
	first    []byte
	buf      *wire.Buffer
	idle     time.Duration
	tick     func(time.Time)
	done     chan struct{}
	n        int64
	err      error
	readErr  bool
	moved    *atomic.Int64 // when either direction last carried something, Unix nanoseconds
}

func (p *pipe) run() {
	defer close(p.done)
	defer func() { p.buf.Free() }()
	p.err = p.copy()
	if p.err == nil {
		p.err = p.to.CloseWrite()
	}
	if p.err != nil {
		// The other direction has nobody to talk to any more.
		_ = p.to.Close()
		_ = p.from.Close()
	}
}

func (p *pipe) copy() error {
	if err := p.write(p.first); err != nil {
		return err
	}
	for {
		if p.buf.Len() > 0 {
			if err := p.write(p.buf.Bytes()); err != nil {
				return err
			}
			p.buf.Skip(p.buf.Len())
			p.buf.Free()
			p.buf = nil
		}
		now := time.Now()
		if p.tick != nil {
			p.tick(now)
		}
		if err := p.from.ReadWithin(now, p.idle); err != nil {
			return err
		}
		_, err := p.from.Fill(&p.buf, wire.MediumBuffer)
		switch {
		case err == nil:
			p.moved.Store(time.Now().UnixNano())
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().UnixNano()-p.moved.Load() < int64(p.idle):
			// The other direction is busy.
		default:
			p.readErr = true
			return err
		}
	}
}

func (p *pipe) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := p.to.WriteWithin(time.Now(), p.idle); err != nil {
		return err
	}
	n, err := p.to.Write(b)
	p.n += int64(n)
	return err
}
