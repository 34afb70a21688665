package gateway

import (
	"bytes"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/wire"
)

// prepareRequest takes out of the request what does not go upstream, whatever
// the endpoint.
func (x *exchange) prepareRequest() {
	h := &x.c.req.Header
	h.DropHopByHop()
	h.DropAliases()
	h.Drop(http1.Expect)
	h.Drop(http1.XRequestID)
	for id := http1.XWeirBusiness; id <= http1.XWeirOther; id++ {
		h.Drop(id)
	}
	x.credential.Remove(h)
}

// appendRequest writes the head for this endpoint: the client's lines as they
// came, then Weir's own.
func (a *attempt) appendRequest(dst []byte) []byte {
	x, r, ep := a.x, &a.x.c.req, a.ep
	h := &r.Header
	dst = append(dst, r.Method()...)
	dst = append(dst, ' ')
	if target := r.Target(); len(target) == 1 && target[0] == '*' {
		dst = append(dst, '*')
	} else {
		dst = append(dst, ep.Prefix()...)
		dst = x.credential.AppendTarget(dst, target)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = a.appendHost(dst)
	credential := ep.Credential()
	if credential != nil {
		h.Drop(http1.Authorization)
		h.Drop(http1.XAPIKey)
		h.Drop(http1.APIKey)
		h.Drop(http1.XGoogAPIKey)
	}
	x.forwarding = x.forwarding[:0]
	if a.b.forwarded {
		x.forwarding = x.snap.proxies.AppendForwarded(x.forwarding, h, identity.Hop{Peer: x.c.peer, Scheme: x.c.scheme(), Host: r.Host()})
	} else {
		x.snap.proxies.Drop(h)
	}
	dst = h.AppendFields(dst)
	dst = append(dst, credential...)
	dst = append(dst, x.forwarding...)
	dst = append(dst, "X-Request-Id: "...)
	dst = append(dst, x.id()...)
	dst = append(dst, "\r\nVia: 1."...)
	dst = append(dst, '0'+r.Minor)
	dst = append(dst, " weir\r\n"...)
	if r.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if x.trailers && x.upgrade == nil {
		dst = append(dst, "Connection: TE\r\nTE: trailers\r\n"...)
	}
	if x.upgrade != nil {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: "...)
		dst = append(dst, x.upgrade...)
		dst = append(dst, "\r\n"...)
	}
	if x.expects && !x.continued {
		dst = append(dst, "Expect: 100-continue\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendHost writes the Host field if the endpoint wants its own; the client's
// stays where it is otherwise.
func (a *attempt) appendHost(dst []byte) []byte {
	r, ep := &a.x.c.req, a.ep
	h := &r.Header
	host := r.Host()
	if !ep.PreserveHost() || len(host) == 0 { // HTTP/1.0 need not name a host, but what goes upstream is 1.1
		host = ep.Authority()
	}
	if i := h.Find(http1.Host); i >= 0 && bytes.Equal(h.Value(i), host) {
		return dst
	}
	h.Drop(http1.Host)
	dst = append(dst, "Host: "...)
	dst = append(dst, host...)
	return append(dst, "\r\n"...)
}

// send writes the request. A body that is in memory goes with the head; one that
// is not is pumped alongside, so that an answer is noticed before its end.
func (a *attempt) send() error {
	x := a.x
	out := x.c.output()
	out.SetTail(a.appendRequest(out.Tail()))
	defer func() { out.Skip(out.Len()) }()
	if x.body.complete {
		return a.sendWhole(out)
	}
	if err := a.write(out.Bytes()); err != nil {
		return err
	}
	if x.expects && !x.continued && len(x.body.held) == 0 {
		return nil // the upstream says first whether it wants the body
	}
	return a.startBody()
}

func (a *attempt) sendWhole(out *wire.Buffer) error {
	x := a.x
	body := x.body.held
	if !x.c.req.Chunked && len(body) <= len(out.Room()) {
		out.Append(body)
		return a.write(out.Bytes())
	}
	if x.c.req.Chunked && len(body) > 0 {
		out.SetTail(http1.AppendChunkSize(out.Tail(), len(body)))
	}
	if err := a.write(out.Bytes()); err != nil {
		return err
	}
	if err := a.write(body); err != nil || !x.c.req.Chunked {
		return err
	}
	var end [256]byte
	tail := end[:0]
	if len(body) > 0 {
		tail = append(tail, "\r\n"...)
	}
	return a.write(http1.AppendLastChunk(tail, x.bodyTrailer()))
}

// bodyTrailer returns the client's trailer fields that may go on.
func (x *exchange) bodyTrailer() *http1.Header {
	t := x.body.trailer()
	if t != nil {
		dropUnfitTrailer(t)
	}
	return t
}

// dropUnfitTrailer takes out of a trailer section what must not be merged into a
// header: framing, routing, credentials, and what only Weir may say (RFC 9110
// section 6.5.1).
func dropUnfitTrailer(t *http1.Header) {
	for i := range t.Len() {
		switch t.ID(i) {
		case http1.Other, http1.ServerTiming, http1.ETag, http1.Date:
		default:
			t.DropAt(i)
		}
	}
}

// write sends p to the upstream.
func (a *attempt) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if err := a.conn.WriteWithin(time.Now(), a.b.cfg.Timeouts.Idle); err != nil {
		return err
	}
	_, err := a.conn.Write(p)
	return err
}

// startBody lets the client send its body and pumps it to the upstream.
func (a *attempt) startBody() error {
	x := a.x
	if x.body.complete || x.pump != nil {
		return nil
	}
	if err := x.sendContinue(); err != nil {
		return errClientGone
	}
	x.continued = true // from here on the pump reads; it must not write to the client
	x.pump = &bodyPump{a: a, conn: a.conn, done: make(chan struct{})}
	go x.pump.run()
	return nil
}

// bodyPump carries a request body from the client to the upstream while the
// exchange's own goroutine waits for the answer. It ends with the body, or when
// either side fails, or by stop.
type bodyPump struct {
	a    *attempt
	conn interface{ Close() error }
	done chan struct{}
	// stopping tells that a failure to read is stop's doing and not the client's.
	stopping atomic.Bool
	fault    *failure // what the client did wrong; read it after done
	whole    bool     // the body was sent to its end; read it after done
}

func (p *bodyPump) run() {
	defer close(p.done)
	x := p.a.x
	frame := wire.NewBuffer(wire.MediumBuffer)
	defer func() { frame.Free() }()
	if p.send(frame, x.body.held) != nil {
		return
	}
	for {
		data, err := x.body.next()
		if x.body.ended && err != nil && len(data) == 0 {
			if !x.body.chunked || p.a.write(http1.AppendLastChunk(nil, x.bodyTrailer())) == nil {
				p.whole = true
			}
			return
		}
		if err != nil {
			if !p.stopping.Load() {
				p.fault = bodyFailure(err)
			}
			_ = p.conn.Close() // the upstream must not take a cut body for a whole one
			return
		}
		if p.send(frame, data) != nil {
			return // the upstream no longer listens; its answer says why
		}
	}
}

func (p *bodyPump) send(frame *wire.Buffer, data []byte) error {
	if !p.a.x.body.chunked || len(data) == 0 {
		return p.a.write(data)
	}
	frame.SetTail(http1.AppendChunk(frame.Tail(), data))
	defer func() { frame.Skip(frame.Len()) }()
	return p.a.write(frame.Bytes())
}

// finished tells whether the whole body has been sent.
func (p *bodyPump) finished() bool {
	select {
	case <-p.done:
		return p.whole
	default:
		return false
	}
}

// stop ends the pump and waits for it. What the client still sends is unread.
func (p *bodyPump) stop() {
	x := p.a.x
	select {
	case <-p.done:
	default:
		p.stopping.Store(true)
		_ = p.conn.Close()
		_ = x.c.sock.ReadUntil(time.Unix(1, 0))
		<-p.done
	}
	if !p.whole {
		x.close = true
		x.unread = 1
	}
}

// retryAfter reads the upstream's advice: retry-after-ms, or Retry-After in
// seconds or as a date (RFC 9110 section 10.2.3).
func retryAfter(h *http1.Header) time.Duration {
	if v := h.Get(http1.RetryAfterMS); v != nil {
		if ms, err := strconv.ParseFloat(string(v), 64); err == nil && ms >= 0 && ms < 1e9 {
			return time.Duration(ms * float64(time.Millisecond))
		}
	}
	v := h.Get(http1.RetryAfter)
	if v == nil {
		return 0
	}
	if s, err := strconv.ParseUint(string(v), 10, 24); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := time.Parse(time.RFC1123, string(v)); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
