package http1

import (
	"bytes"
	"errors"
)

// Request is a request's start line and header block. The zero value is ready
// for [Request.Parse].
type Request struct {
	block
	method, target, host span
	absolute             bool

	// Minor is the minor version: 0 or 1.
	Minor uint8
	// ContentLength is the length of the body in bytes, or -1 when the request
	// has no Content-Length.
	ContentLength int64
	// Chunked tells that the body comes in chunked coding.
	Chunked bool
	// KeepAlive tells that the client wants to send more on this connection.
	KeepAlive bool
}

// Reset makes r ready for the next request and keeps its memory.
func (r *Request) Reset() {
	r.block.reset()
	*r = Request{block: r.block}
}

// Parse parses the request that starts buf. It returns the number of bytes that
// start line and header block take, or 0 when more are needed: then call it
// again with the same bytes and more behind them. Empty lines before the start
// line are skipped (RFC 9112 section 2.2).
func (r *Request) Parse(buf []byte, lim Limits) (n int, err error) {
	r.buf = buf
	for !r.startLine {
		limit := min(lim.HeaderBytes, int(r.pos)+lim.TargetBytes+maxStartLineRest)
		start, end, ok, err := r.nextLine(buf, limit)
		if errors.Is(err, ErrHeaderTooLarge) {
			err = ErrTargetTooLong
		}
		if err != nil || !ok {
			return 0, err
		}
		if start == end && start <= 2 {
			continue
		}
		if err := r.parseRequestLine(buf, start, end, lim); err != nil {
			return 0, err
		}
		r.startLine = true
	}
	done, err := r.parseFields(buf, lim)
	if err != nil || !done {
		return 0, err
	}
	if err := r.finish(); err != nil {
		return 0, err
	}
	return int(r.pos), nil
}

// maxStartLineRest is what a start line may hold besides its target: a method
// and the version.
const maxStartLineRest = 64

func (r *Request) parseRequestLine(buf []byte, start, end uint32, lim Limits) error {
	line := buf[start:end]
	sp := bytes.IndexByte(line, ' ')
	if sp <= 0 || sp > 32 {
		return errRequestLine
	}
	if !isToken(line[:sp]) {
		return errMethod
	}
	rest := line[sp+1:]
	sp2 := bytes.LastIndexByte(rest, ' ')
	if sp2 < 0 {
		return errRequestLine
	}
	switch version := rest[sp2+1:]; {
	case string(version) == "HTTP/1.1":
		r.Minor = 1
	case string(version) == "HTTP/1.0":
		r.Minor = 0
	case isVersion(version):
		return ErrVersion
	default:
		return errRequestLine
	}
	if sp2 > lim.TargetBytes {
		return ErrTargetTooLong
	}
	r.method = span{start, start + uint32(sp)}
	r.target = span{start + uint32(sp) + 1, start + uint32(sp) + 1 + uint32(sp2)}
	return r.parseTarget(buf)
}

// isVersion reports whether v is an HTTP-version (RFC 9112 section 2.3).
func isVersion(v []byte) bool {
	return len(v) == len("HTTP/1.1") && string(v[:5]) == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseTarget checks the request target and takes the absolute form apart
// (RFC 9112 section 3.2).
func (r *Request) parseTarget(buf []byte) error {
	t := r.target.of(buf)
	if len(t) == 0 {
		return errTarget
	}
	for _, c := range t {
		if c <= ' ' || c == 0x7f || c == '#' {
			return errTarget
		}
	}
	switch {
	case t[0] == '/':
		return nil
	case string(t) == "*" && string(r.method.of(buf)) == "OPTIONS":
		return nil
	case string(r.method.of(buf)) == "CONNECT":
		return nil // refused by the gateway, whatever its form
	}
	return r.parseAbsolute(buf, t)
}

func (r *Request) parseAbsolute(buf, t []byte) error {
	var skip int
	switch {
	case len(t) > 7 && equalFold(t[:7], "http://"):
		skip = 7
	case len(t) > 8 && equalFold(t[:8], "https://"):
		skip = 8
	default:
		return errTarget
	}
	authority := t[skip:]
	n := bytes.IndexAny(authority, "/?")
	if n < 0 {
		n = len(authority)
	}
	if n == 0 || !validHost(authority[:n]) {
		return errTarget
	}
	start := r.target.start + uint32(skip)
	r.host = span{start, start + uint32(n)}
	r.absolute = true
	r.target.start = start + uint32(n)
	if n < len(authority) && authority[n] == '?' {
		return errTarget // no path to route on; "http://host/?q" is the form to send
	}
	return nil
}

// finish derives what the header block says as a whole.
func (r *Request) finish() error {
	var err error
	if r.ContentLength, r.Chunked, err = r.parseFraming(r.Minor); err != nil {
		return err
	}
	if r.KeepAlive, err = r.parseConnection(r.Minor); err != nil {
		return err
	}
	i := r.Find(Host)
	switch {
	case i >= 0 && r.FindFrom(Host, i+1) >= 0:
		return errHost
	case i >= 0 && !validHost(r.Value(i)):
		return errHost
	case i < 0 && r.Minor >= 1:
		return errHost
	case i >= 0 && !r.absolute:
		f := &r.fields[i]
		r.host = span{f.valueStart, f.valueEnd}
	}
	return nil
}

// validHost accepts a host with or without a port (RFC 3986 section 3.2.2), and
// nothing at all. User information, zone identifiers and percent-encoding are
// left out: no name that a gateway routes on needs them.
func validHost(h []byte) bool {
	n := 0
	switch {
	case len(h) == 0:
		return true
	case h[0] == '[':
		n = 1
		for n < len(h) && (isHex(h[n]) || h[n] == ':' || h[n] == '.') {
			n++
		}
		if n == 1 || n == len(h) || h[n] != ']' {
			return false
		}
		n++
	default:
		for n < len(h) && hostByte[h[n]] {
			n++
		}
		if n == 0 {
			return false
		}
	}
	return n == len(h) || (h[n] == ':' && validPort(h[n+1:]))
}

// validPort accepts up to five digits: "host:" is as good as "host" (RFC 3986
// section 3.2.3).
func validPort(p []byte) bool {
	for _, c := range p {
		if !isDigit(c) {
			return false
		}
	}
	return len(p) <= 5
}

func isHex(c byte) bool { return isDigit(c) || ('a' <= c|0x20 && c|0x20 <= 'f') }

// hostByte marks the bytes of a host name or an IPv4 address.
var hostByte = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlnum(byte(c)) || c == '-' || c == '.' || c == '_'
	}
	return t
}()

// Method returns the method as sent; methods are case-sensitive.
func (r *Request) Method() []byte { return r.method.of(r.buf) }

// Target returns the path and query as sent, "*", or, for CONNECT, whatever the
// client sent. An absolute form without a path yields "/" (RFC 9112 section 3.2.1).
func (r *Request) Target() []byte {
	if t := r.target.of(r.buf); len(t) > 0 {
		return t
	}
	return rootTarget
}

var rootTarget = []byte("/")

// Path returns the target without its query.
func (r *Request) Path() []byte {
	t := r.Target()
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		return t[:i]
	}
	return t
}

// Query returns what follows the first '?' of the target, or nil.
func (r *Request) Query() []byte {
	t := r.Target()
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		return t[i+1:]
	}
	return nil
}

// Host returns the authority of an absolute target, else the Host field, with
// its port. It is empty only for HTTP/1.0 requests and for an empty Host.
func (r *Request) Host() []byte { return r.host.of(r.buf) }

// HasBody tells whether a body follows, be it an empty chunked one.
func (r *Request) HasBody() bool { return r.Chunked || r.ContentLength > 0 }

// Block returns the bytes of start line and header block, to copy them elsewhere
// before [Header.Rebase].
func (r *Request) Block() []byte { return r.buf[:r.pos] }

// ExpectsContinue tells whether the client waits for 100 (Continue) before it
// sends its body; ok is false when it expects something that nobody can meet
// (RFC 9110 section 10.1.1).
func (r *Request) ExpectsContinue() (expects, ok bool) {
	i := r.Find(Expect)
	if i < 0 || r.Minor == 0 {
		return false, true
	}
	if r.FindFrom(Expect, i+1) >= 0 || !equalFold(r.Value(i), "100-continue") {
		return false, false
	}
	return true, true
}

// UpgradeRequested returns the protocols that the client wants to switch to, or
// nil (RFC 9110 section 7.8).
func (r *Request) UpgradeRequested() []byte {
	if r.Minor == 0 || !r.Has(Upgrade) {
		return nil
	}
	for i := r.Find(Connection); i >= 0; i = r.FindFrom(Connection, i+1) {
		if HasToken(r.Value(i), "upgrade") {
			return r.Get(Upgrade)
		}
	}
	return nil
}
