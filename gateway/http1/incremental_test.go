package http1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weir-gateway/weir/gateway/http1"
)

// outcome is everything that a parser says about a message.
type outcome struct {
	n      int
	err    error
	detail string
	fields []string
}

type parser interface {
	Parse(buf []byte, lim http1.Limits) (int, error)
}

// inPieces parses in, of which the first bytes arrive in pieces of these sizes
// and the rest at once, in memory that moves with every piece.
func inPieces(p parser, in []byte, lim http1.Limits, sizes []int) (n int, err error) {
	have := 0
	for _, size := range sizes {
		if have += size; have >= len(in) {
			break
		}
		if n, err = p.Parse(append([]byte(nil), in[:have]...), lim); n > 0 || err != nil {
			return n, err
		}
	}
	return p.Parse(append([]byte(nil), in...), lim)
}

func requestOutcome(in []byte, lim http1.Limits, sizes ...int) outcome {
	var r http1.Request
	n, err := inPieces(&r, in, lim, sizes)
	o := outcome{n: n, err: err}
	if n > 0 {
		o.detail = fmt.Sprintf("%q %q %q %d %d %t %t", r.Method(), r.Target(), r.Host(), r.Minor, r.ContentLength, r.Chunked, r.KeepAlive)
		o.fields = lines(&r.Header)
	}
	return o
}

func responseOutcome(in []byte, lim http1.Limits, sizes ...int) outcome {
	var r http1.Response
	n, err := inPieces(&r, in, lim, sizes)
	o := outcome{n: n, err: err}
	if n > 0 {
		o.detail = fmt.Sprintf("%q %d %d %d %t %t", r.StatusText(), r.Status, r.Minor, r.ContentLength, r.Chunked, r.KeepAlive)
		o.fields = lines(&r.Header)
	}
	return o
}

func ones(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

// piecesOf draws messages from their likely and unlikely parts, so that most of
// them are nearly right.
func piecesOf(t *rapid.T, start []string) string {
	field := rapid.SampledFrom([]string{
		"Host: a\r\n", "host: b\r\n", "Content-Length: 5\r\n", "Content-Length: +5\r\n", "Transfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip\r\n", "Connection: close\r\n", "A: b\r\n", "A : b\r\n", "A: b\n", " fold\r\n", "A: \x00\r\n",
		"A\r\n", ": x\r\n", "X-Long: " + strings.Repeat("y", 60) + "\r\n", "\n", "\r\r\n", "\r",
	})
	var b strings.Builder
	b.WriteString(rapid.SampledFrom([]string{"", "\r\n", "\r\n\r\n", "\n", "\r"}).Draw(t, "lead"))
	b.WriteString(rapid.SampledFrom(start).Draw(t, "start line"))
	for range rapid.IntRange(0, 6).Draw(t, "fields") {
		b.WriteString(field.Draw(t, "field"))
	}
	b.WriteString(rapid.SampledFrom([]string{"\r\n", "\r\nbody", "", "\n"}).Draw(t, "end"))
	return b.String()
}

// Neither the verdict nor the reading of a message depends on the pieces in which
// it arrives.
func TestParseIncrementally(t *testing.T) {
	requests := []string{
		"GET / HTTP/1.1\r\n", "GET /a?b HTTP/1.0\r\n", "POST http://h/x HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
		"GET / HTTP/1.2\r\n", "GET /\r\n", "GET / HTTP/1.1\n", "GET /" + strings.Repeat("a", 120) + " HTTP/1.1\r\n",
		strings.Repeat("M", 200) + " / HTTP/1.1\r\n", "\x00\r\n", "/" + strings.Repeat("a", 300) + "\n", strings.Repeat("a", 120),
	}
	responses := []string{
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 \r\n", "HTTP/1.1 204\r\n", "HTTP/1.1 100 Continue\r\n", "HTTP/1.1 304 x\r\n",
		"HTTP/1.2 200 OK\r\n", "HTTP/1.1 2 OK\r\n", "HTTP/1.1 200 OK\n", "HTTP/1.1 200 " + strings.Repeat("a", 300) + "\r\n", "ICY 200 OK\r\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		lim := http1.Limits{
			HeaderBytes: rapid.IntRange(20, 300).Draw(t, "header bytes"),
			Fields:      rapid.IntRange(1, 6).Draw(t, "fields"),
			TargetBytes: rapid.IntRange(1, 150).Draw(t, "target bytes"),
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 20).Draw(t, "sizes")

		in := []byte(piecesOf(t, requests))
		whole := requestOutcome(in, lim)
		require.Equal(t, whole, requestOutcome(in, lim, ones(len(in))...), "byte by byte: %q", in)
		require.Equal(t, whole, requestOutcome(in, lim, sizes...), "%q", in)

		in = []byte(piecesOf(t, responses))
		whole = responseOutcome(in, lim)
		require.Equal(t, whole.n, responseOutcome(in, lim, ones(len(in))...).n, "byte by byte: %q", in)
		bytewise := responseOutcome(in, lim, ones(len(in))...)
		require.Equal(t, whole.err == nil, bytewise.err == nil, "%q", in)
		require.Equal(t, whole.fields, bytewise.fields, "%q", in)
		require.Equal(t, whole.detail, responseOutcome(in, lim, sizes...).detail, "%q", in)
	})
}

// Every prefix of a good message asks for more and accepts the rest.
func TestParseCutAnywhere(t *testing.T) {
	request := []byte("\r\nPOST http://h.test/p?q HTTP/1.1\r\nHost: a\r\nX-A:\r\ncontent-length:\t5 \r\n\r\nhello")
	for cut := 1; cut < len(request); cut++ {
		require.Equal(t, requestOutcome(request, limits), requestOutcome(request, limits, cut), "cut at %d", cut)
	}
	response := []byte("HTTP/1.1 200 OK\r\nX-A:\r\ncontent-length:\t5 \r\n\r\nhello")
	for cut := 1; cut < len(response); cut++ {
		require.Equal(t, responseOutcome(response, limits), responseOutcome(response, limits, cut), "cut at %d", cut)
	}
}
