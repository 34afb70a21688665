package gateway

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/wire"
)

// requestBody reads the body of the request under way, piece by piece, out of
// what came with the head and then from the connection. Part or all of it may be
// held in memory: what a later stage looked at, or what a retry may send again.
type requestBody struct {
	c         *clientConn
	chunked   bool
	remaining int64 // of a body with Content-Length, not read yet
	ended     bool
	chunks    http1.ChunkReader

	held     []byte       // read and not sent yet, or kept for a retry
	holder   *wire.Buffer // memory of held, unless that lies in c.in
	complete bool         // held is all of the body

	buf      *wire.Buffer // read from the connection behind c.in
	limit    int64        // largest body, -1 for none
	received int64        // bytes of body data so far
	since    time.Time    // of the first read from the connection
}

// minBodyRate is the least rate, in bytes per second, at which a client may send
// a body in the long run: below it, a handful of clients could occupy all seats.
const minBodyRate = 1 << 10

var (
	errBodyTooLarge = errors.New("request body larger than the limit")
	errSlowBody     = errors.New("client too slow in sending the body")
)

func (b *requestBody) begin(r *http1.Request, limit int64) {
	b.chunked = r.Chunked
	b.remaining = max(r.ContentLength, 0)
	b.ended = !r.HasBody()
	b.complete = b.ended
	b.held = nil
	b.limit = limit
	b.received = 0
	b.since = time.Time{}
	if b.chunked {
		b.chunks.Reset()
	}
}

// next returns the next piece of body data, valid until the following call, or
// io.EOF.
func (b *requestBody) next() ([]byte, error) {
	for !b.ended {
		src, err := b.source()
		if err != nil {
			return nil, err
		}
		data, err := b.take(src)
		if err != nil {
			return nil, err
		}
		if b.received += int64(len(data)); b.limit >= 0 && b.received > b.limit {
			return nil, errBodyTooLarge
		}
		if len(data) > 0 {
			return data, nil
		}
	}
	return nil, io.EOF
}

// source returns bytes of the connection that have not been looked at, and reads
// some if there are none.
func (b *requestBody) source() ([]byte, error) {
	c := b.c
	if rest := c.in.Bytes()[c.used:]; len(rest) > 0 {
		return rest, nil
	}
	if b.buf.Len() > 0 {
		return b.buf.Bytes(), nil
	}
	if err := c.x.sendContinue(); err != nil {
		return nil, err
	}
	if err := b.arm(); err != nil {
		return nil, err
	}
	_, err := c.sock.Fill(&b.buf, wire.MediumBuffer)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlowBody
	case err != nil:
		return nil, errClientGone
	}
	return b.buf.Bytes(), nil
}

// arm sets the deadline of the next read: a bounded pause, and a least rate.
func (b *requestBody) arm() error {
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	pause := b.c.x.snap.cfg.Server.Limits.BodyTimeout
	if pause <= 0 {
		return b.c.sock.ReadUntil(time.Time{})
	}
	by := b.since.Add(pause + time.Duration(b.received/minBodyRate)*time.Second)
	if p := now.Add(pause); p.Before(by) {
		by = p
	}
	return b.c.sock.ReadUntil(by)
}

// take consumes the front of src and returns the data in it.
func (b *requestBody) take(src []byte) (data []byte, err error) {
	n := len(src)
	if b.chunked {
		data, n, err = b.chunks.Next(src)
		b.ended = b.chunks.Done()
	} else {
		if int64(n) > b.remaining {
			n = int(b.remaining)
		}
		data = src[:n]
		b.remaining -= int64(n)
		b.ended = b.remaining == 0
	}
	if b.c.used < b.c.in.Len() {
		b.c.used += n
	} else {
		b.buf.Skip(n)
	}
	return data, err
}

// holdArrived keeps a body that has arrived whole with the head, which costs
// nothing, so that it goes out in one write and can be sent again.
func (b *requestBody) holdArrived() {
	c := b.c
	if b.ended || b.chunked || b.remaining > int64(c.in.Len()-c.used) {
		return
	}
	b.held = c.in.Bytes()[c.used : c.used+int(b.remaining)]
	c.used += int(b.remaining)
	b.received = b.remaining
	b.remaining, b.ended, b.complete = 0, true, true
}

// hold reads up to most bytes of the body into memory. Afterwards b.held is the
// body's beginning, and all of it if b.complete.
func (b *requestBody) hold(most int) error {
	if b.holdArrived(); b.complete {
		return nil
	}
	size := most
	if !b.chunked && b.remaining < int64(most) {
		size = int(b.remaining)
	} else if b.chunked {
		size = min(most, wire.MediumBuffer)
	}
	b.holder = wire.NewBuffer(size)
	for b.holder.Len() < most {
		data, err := b.next()
		if err == io.EOF { //nolint:errorlint // next returns it bare
			b.complete = true
			break
		}
		if err != nil {
			return err
		}
		if len(data) > len(b.holder.Room()) {
			b.holder = b.holder.Grown(max(2*b.holder.Cap(), b.holder.Len()+len(data)))
		}
		b.holder.Append(data)
	}
	b.complete = b.complete || b.ended
	b.held = b.holder.Bytes()
	return nil
}

// releaseHeld gives the held part back once it will not be sent again.
func (b *requestBody) releaseHeld() {
	b.held = nil
	b.holder.Free()
	b.holder = nil
}

// takeRest ends the body and returns what was read behind it, or nil.
func (b *requestBody) takeRest() *wire.Buffer {
	b.releaseHeld()
	rest := b.buf
	b.buf = nil
	if rest.Len() == 0 {
		rest.Free()
		return nil
	}
	return rest
}

// trailer returns the trailer fields of a chunked body that has ended, or nil.
func (b *requestBody) trailer() *http1.Header {
	if !b.chunked || !b.chunks.Done() || b.chunks.Trailer().Len() == 0 {
		return nil
	}
	return b.chunks.Trailer()
}
