package mock

import (
	"errors"
	"io"
	"time"
)

// Why a stream ended before its end. The HTTP server answers any error of a body by closing the connection
// without the final chunk, so the client can tell.
var (
	errGone    = errors.New("mock: the client hung up")
	errStopped = errors.New("mock: the server is shutting down")
	errCut     = errors.New("mock: the stream was cut on purpose")
)

// script writes the events of one streamed answer: what opens it, one event per token, and what ends it.
// Each call appends to dst.
type script interface {
	head(dst []byte) []byte
	token(dst []byte) []byte
	tail(dst []byte) []byte
}

// stream plays a script as a response body. The HTTP server reads it on the connection's own goroutine and
// flushes after every read, so a stream costs no goroutine and a few hundred bytes.
type stream struct {
	ex     *exchange
	script script
	gap    Dist
	total  int // tokens
	cut    int // tokens after which the stream is cut; -1 is never

	sent     int
	opened   bool
	ended    bool
	headOnly bool      // nothing is read of the answer to a HEAD
	due      time.Time // of the next token
	buf      []byte
	unread   []byte
}

// stream makes the answer a stream of so many tokens. The time to its first byte must be over.
func (ex *exchange) stream(s script, total int, contentType string) {
	st := &stream{ex: ex, script: s, gap: ex.gap(), total: total, cut: -1, due: time.Now(), headOnly: ex.ctx.IsHead()}
	if ex.fault == faultCutStream {
		if st.cut = ex.order.cutAfter; st.cut < 0 {
			st.cut = total / 2
		}
		ex.faulted = true
	}
	h := &ex.ctx.Response.Header
	h.SetContentType(contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	ex.ctx.Response.ImmediateHeaderFlush = true
	ex.streaming = true
	ex.ctx.Response.SetBodyStream(st, -1)
}

// Read waits for the next event and returns it, or the part of it that fits.
func (s *stream) Read(p []byte) (int, error) {
	if len(s.unread) == 0 {
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

func (s *stream) advance() error {
	for s.buf = s.buf[:0]; len(s.buf) == 0; {
		switch {
		case s.ended:
			s.ex.finish(200)
			return io.EOF
		case !s.opened:
			s.opened = true
			s.buf = s.script.head(s.buf)
		case s.sent == s.cut:
			return errCut
		case s.sent < s.total:
			if err := s.pause(); err != nil {
				return err
			}
			s.buf = s.script.token(s.buf)
			s.sent++
			s.ex.tokensOut++
		default:
			s.ended = true
			s.buf = s.script.tail(s.buf)
		}
	}
	s.unread = s.buf
	return nil
}

// pause waits for the time of the next token. Tokens are due at fixed moments, so a slow reader does not
// slow the model down: what it missed comes at once when it reads again.
func (s *stream) pause() error {
	if s.sent > 0 && !s.gap.IsZero() {
		s.due = s.due.Add(s.gap.Duration(s.ex.rng()))
	}
	switch s.ex.waitUntil(s.due) {
	case wakeGone:
		return errGone
	case wakeStopped:
		return errStopped
	default:
		return nil
	}
}

// Close settles the exchange. The HTTP server calls it at the end, and when a write failed. A stream that
// is not over by then was cut by us, or its client is gone.
func (s *stream) Close() error {
	if s.ex.over {
		return nil
	}
	switch {
	case s.headOnly:
		s.ex.finish(200)
	case s.sent == s.cut, s.ex.srv.stopped():
		s.ex.finish(statusNone)
	default:
		s.ex.abandon("streaming")
	}
	return nil
}
