package gateway

import (
	"bytes"
	"io"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/upstream"
)

// relay passes an answer on whose head, of n bytes, stands at the front of the
// buffer. From the first byte written nothing can be taken back: a failure ends
// the client's connection so that it cannot take a cut answer for a whole one.
func (a *attempt) relay(n int) *failure {
	x := a.x
	res := &x.c.res
	kind := res.Body(x.head)
	x.status = res.Status
	if x.stream = isEventStream(res.Get(http1.ContentType)); x.stream {
		x.snap.g.streams.Add(1)
	}
	out := x.c.output()
	out.SetTail(x.appendResponse(out.Tail(), kind))
	x.headSent = true
	a.buf.Skip(n)

	var err error
	switch kind {
	case http1.NoBody:
	case http1.FixedBody:
		err = a.relayFixed(res.ContentLength)
	case http1.ChunkedBody:
		err = a.relayChunked()
	case http1.CloseBody:
		err = a.relayUntilClose()
	}
	if err == nil {
		err = a.flush(time.Now())
	}
	return a.settleRelay(kind, err)
}

func isEventStream(contentType []byte) bool {
	const t = "text/event-stream"
	return len(contentType) >= len(t) && http1.EqualFold(contentType[:len(t)], t)
}

// clientError marks an error of writing to the client.
type clientError struct{ error }

func (a *attempt) flush(now time.Time) error {
	if err := a.x.c.flush(now); err != nil {
		return clientError{err}
	}
	return nil
}

// settleRelay says how the passing-on ended.
func (a *attempt) settleRelay(kind http1.BodyKind, err error) *failure {
	x := a.x
	if err == nil {
		x.complete = true
		return nil
	}
	x.close = true
	if _, ok := err.(clientError); ok || x.c.clientGone() { //nolint:errorlint // never wrapped
		x.failure = failClientGone
		return nil
	}
	a.result = upstream.Failure
	x.failure = cutFailure(err)
	// What has been read before the failure is the client's.
	_ = x.c.flush(time.Now())
	if kind == http1.CloseBody || (kind == http1.ChunkedBody && x.c.req.Minor == 0) {
		// Only the end of the connection ends this body: a regular one would
		// look like success.
		_ = x.c.sock.Reset()
	}
	return nil
}

// next makes sure that there is something in a.buf. Before it waits, the client
// gets what has been collected.
func (a *attempt) next() error {
	if a.buf.Len() > 0 {
		return nil
	}
	x := a.x
	now := time.Now()
	if err := a.flush(now); err != nil {
		return err
	}
	x.charge(now)
	a.idle()
	return a.fill(now)
}

// idle gives memory back that a waiting answer does not need.
func (a *attempt) idle() {
	x := a.x
	if a.buf != nil && a.buf.Len() == 0 {
		a.buf.Free()
		a.buf = nil
	}
	if x.c.out != nil {
		x.c.out.Free()
		x.c.out = nil
	}
	if x.stream && (x.pump == nil || x.pump.finished()) {
		x.shrink()
	}
}

func (a *attempt) relayFixed(remaining int64) error {
	for remaining > 0 {
		if err := a.next(); err != nil {
			return err
		}
		p := a.buf.Bytes()
		if int64(len(p)) > remaining {
			p = p[:remaining]
		}
		if err := a.pass(p); err != nil {
			return err
		}
		a.buf.Skip(len(p))
		remaining -= int64(len(p))
	}
	return nil
}

// pass sends p, behind what is still collected.
func (a *attempt) pass(p []byte) error {
	out := a.x.c.output()
	if len(p) <= len(out.Room()) && out.Len() > 0 {
		out.Append(p)
		return nil
	}
	now := time.Now()
	if err := a.flush(now); err != nil {
		return err
	}
	if err := a.x.c.write(now, p); err != nil {
		return clientError{err}
	}
	return nil
}

// relayChunked passes a chunked body on chunk by chunk, so that an event leaves
// in the moment in which it arrives.
func (a *attempt) relayChunked() error {
	chunks := &a.x.chunks
	chunks.Reset()
	for !chunks.Done() {
		if err := a.next(); err != nil {
			return err
		}
		data, used, err := chunks.Next(a.buf.Bytes())
		if err != nil {
			return err
		}
		if err := a.passChunk(data); err != nil {
			return err
		}
		a.buf.Skip(used)
	}
	if a.x.c.req.Minor == 0 {
		a.x.close = true
		return nil
	}
	trailer := chunks.Trailer()
	dropUnfitTrailer(trailer)
	out := a.x.c.output()
	out.SetTail(http1.AppendLastChunk(out.Tail(), trailer))
	return nil
}

// passChunk collects data as one chunk, or bare for a client that does not know
// chunks.
func (a *attempt) passChunk(data []byte) error {
	const frame = 16 // room for the size line and the end of a chunk
	if a.x.c.req.Minor == 0 {
		return a.pass(data)
	}
	out := a.x.c.output()
	if len(data)+frame > len(out.Room()) {
		if err := a.flush(time.Now()); err != nil {
			return err
		}
		out = a.x.c.output()
	}
	out.SetTail(http1.AppendChunk(out.Tail(), data))
	return nil
}

// relayUntilClose passes on a body that ends with the upstream's connection.
func (a *attempt) relayUntilClose() error {
	for {
		err := a.next()
		if err == io.EOF { //nolint:errorlint // Fill returns it bare
			break
		}
		if err != nil {
			return err
		}
		if err := a.passChunk(a.buf.Bytes()); err != nil {
			return err
		}
		a.buf.Skip(a.buf.Len())
	}
	if a.x.c.req.Minor == 0 {
		a.x.close = true
		return nil
	}
	out := a.x.c.output()
	out.SetTail(http1.AppendLastChunk(out.Tail(), nil))
	return nil
}

// relayInformational passes a 1xx answer on (RFC 9110 section 15.2).
func (x *exchange) relayInformational() error {
	res := &x.c.res
	if x.c.req.Minor == 0 {
		return nil
	}
	res.DropHopByHop()
	res.Drop(http1.ContentLength) // means nothing here, and must not be sent
	out := x.c.output()
	dst := append(out.Tail(), "HTTP/1.1 "...)
	dst = append(dst, res.StatusText()...)
	dst = append(dst, "\r\n"...)
	dst = res.AppendFields(dst)
	out.SetTail(append(dst, "\r\n"...))
	if err := x.c.flush(time.Now()); err != nil {
		return errClientGone
	}
	return nil
}

// appendResponse writes the head of the upstream's answer: its lines as they
// came, then Weir's own.
func (x *exchange) appendResponse(dst []byte, kind http1.BodyKind) []byte {
	res := &x.c.res
	x.rewriteResponse()
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, res.StatusText()...)
	dst = append(dst, "\r\n"...)
	dst = res.AppendFields(dst)
	dst = append(dst, "Via: 1."...)
	dst = append(dst, '0'+res.Minor)
	dst = append(dst, " weir\r\n"...)
	dst = x.appendOwnFields(dst)
	if kind == http1.ChunkedBody || kind == http1.CloseBody {
		if x.c.req.Minor >= 1 {
			dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		} else {
			x.close = true
		}
	}
	return x.appendConnection(dst)
}

// rewriteResponse takes out of the answer what concerns only the upstream
// connection and what only Weir may say.
func (x *exchange) rewriteResponse() {
	res := &x.c.res
	upgrade := res.Get(http1.Upgrade)
	res.DropHopByHop()
	for id := http1.XWeirBusiness; id <= http1.XWeirOther; id++ {
		res.Drop(id)
	}
	if v := res.Get(http1.XRequestID); v != nil {
		x.upstreamID = append(x.upstreamID[:0], v[:min(len(v), maxUpstreamID)]...)
		res.Drop(http1.XRequestID)
	}
	if res.Status == 204 || res.Status == 101 {
		res.Drop(http1.ContentLength)
	}
	if res.Status == 101 {
		x.switched = append(x.switched[:0], upgrade...)
	}
}

// maxUpstreamID bounds what is remembered of an upstream's own request id.
const maxUpstreamID = 128

// appendConnection writes the last fields of a head and the line that ends it.
func (x *exchange) appendConnection(dst []byte) []byte {
	switch {
	case x.status == 101:
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: "...)
		dst = append(dst, x.switched...)
		dst = append(dst, "\r\n"...)
	case x.close || x.snap.g.draining.Load():
		x.close = true
		dst = append(dst, "Connection: close\r\n"...)
	case x.c.req.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendOwnFields writes what Weir tells the client about its request.
func (x *exchange) appendOwnFields(dst []byte) []byte {
	dst = append(dst, "X-Request-Id: "...)
	dst = append(dst, x.id()...)
	dst = append(dst, "\r\n"...)
	if x.route == nil || x.route.expose {
		if len(x.upstreamID) > 0 && !bytes.Equal(x.upstreamID, x.id()) {
			dst = append(dst, "X-Weir-Upstream-Request-Id: "...)
			dst = append(dst, x.upstreamID...)
			dst = append(dst, "\r\n"...)
		}
		if x.route != nil {
			dst = append(dst, "X-Weir-Class: "...)
			dst = append(dst, x.snap.className(x.class)...)
			dst = append(dst, "\r\nX-Weir-Queue-Wait: "...)
			dst = appendMillis(dst, x.wait, 0)
			dst = append(dst, "\r\n"...)
		}
	}
	if x.firstByte > 0 {
		dst = append(dst, "Server-Timing: queue;dur="...)
		dst = appendMillis(dst, x.wait, 3)
		dst = append(dst, ", upstream;dur="...)
		dst = appendMillis(dst, max(time.Since(x.sent), 0), 3)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
