package http1

// Response is a response's status line and header block. The zero value is ready
// for [Response.Parse].
type Response struct {
	block
	statusLine span

	// Status is the three-digit code.
	Status int
	// Minor is the minor version of the upstream: 0 or 1.
	Minor uint8
	// ContentLength is the length that the upstream announced, or -1.
	ContentLength int64
	// Chunked tells that the body comes in chunked coding.
	Chunked bool
	// KeepAlive tells that the upstream keeps the connection open.
	KeepAlive bool
}

// Reset makes r ready for the next response and keeps its memory.
func (r *Response) Reset() {
	r.block.reset()
	*r = Response{block: r.block}
}

// Parse parses the response that starts buf, like [Request.Parse]. Informational
// responses come out one at a time.
func (r *Response) Parse(buf []byte, lim Limits) (n int, err error) {
	r.buf = buf
	if !r.startLine {
		start, end, ok, err := r.nextLine(buf, lim.HeaderBytes)
		if err != nil {
			return 0, asResponse(err)
		}
		if !ok {
			return 0, checkStatusPrefix(buf)
		}
		if err := r.parseStatusLine(buf, start, end); err != nil {
			return 0, err
		}
		r.startLine = true
	}
	done, err := r.parseFields(buf, lim)
	if err != nil || !done {
		return 0, asResponse(err)
	}
	if r.Status < 200 || r.Status == 204 {
		// Framing fields have no meaning here (RFC 9112 section 6.3).
		r.ContentLength = -1
	} else if r.ContentLength, r.Chunked, err = r.parseFraming(r.Minor); err != nil {
		return 0, asResponse(err)
	}
	if r.KeepAlive, err = r.parseConnection(r.Minor); err != nil {
		return 0, asResponse(err)
	}
	return int(r.pos), nil
}

const httpPrefix = "HTTP/1."

// checkStatusPrefix refuses what cannot become a status line, so that garbage
// without a line end fails at once and not at a deadline.
func checkStatusPrefix(buf []byte) error {
	n := min(len(buf), len(httpPrefix))
	if string(buf[:n]) != httpPrefix[:n] {
		return errStatusLine
	}
	return nil
}

// parseStatusLine accepts "HTTP/1.x NNN[ reason]" (RFC 9112 section 4).
func (r *Response) parseStatusLine(buf []byte, start, end uint32) error {
	l := buf[start:end]
	if len(l) < len("HTTP/1.1 200") || string(l[:7]) != httpPrefix || l[8] != ' ' ||
		(len(l) > 12 && l[12] != ' ') {
		return errStatusLine
	}
	if l[7] != '0' && l[7] != '1' {
		return errStatusLine
	}
	code := 0
	for _, c := range l[9:12] {
		if c < '0' || c > '9' {
			return errStatusLine
		}
		code = code*10 + int(c-'0')
	}
	if code < 100 || code > 599 {
		return errStatusLine
	}
	if err := checkValue(l[12:]); err != nil {
		return asResponse(err)
	}
	r.Minor = l[7] - '0'
	r.Status = code
	r.statusLine = span{start + 9, end}
	return nil
}

// StatusText returns the code and the reason phrase as the upstream wrote them.
func (r *Response) StatusText() []byte { return r.statusLine.of(r.buf) }

// BodyKind says how the end of a response's body is found (RFC 9112 section 6.3).
type BodyKind uint8

// The ways a body can end.
const (
	NoBody      BodyKind = iota
	FixedBody            // after ContentLength bytes
	ChunkedBody          // after the last chunk
	CloseBody            // when the upstream closes the connection
)

// Body tells how the body of this response to a request with that method ends.
func (r *Response) Body(head bool) BodyKind {
	switch {
	case head || r.Status < 200 || r.Status == 204 || r.Status == 304:
		return NoBody
	case r.Chunked:
		return ChunkedBody
	case r.ContentLength == 0:
		return NoBody
	case r.ContentLength > 0:
		return FixedBody
	}
	return CloseBody
}
