package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
)

// sameFields compares a header block with net/http's reading of it. net/http
// takes Host, Transfer-Encoding and, where it has no meaning, Content-Length out.
func sameFields(t *testing.T, h *http1.Header, theirs http.Header, ignore ...string) {
	ours := http.Header{}
	for i := range h.Len() {
		name := textproto.CanonicalMIMEHeaderKey(string(h.Name(i)))
		ours[name] = append(ours[name], string(h.Value(i)))
	}
	theirs = theirs.Clone()
	for _, name := range ignore {
		delete(ours, name)
		delete(theirs, name)
	}
	require.Len(t, theirs, len(ours), "ours %q, theirs %q", ours, theirs)
	for name := range ours {
		require.Equal(t, ours[name], theirs[name], name)
	}
}

// consistent checks that the parser's account of what it took agrees with itself.
func consistent(t *testing.T, in []byte, n int, err error, h *http1.Header) {
	require.LessOrEqual(t, n, len(in))
	if err != nil {
		require.Zero(t, n)
		require.True(t, isParseError(err), "%T", err)
	}
	if n > 0 {
		require.True(t, bytes.HasSuffix(in[:n], []byte("\r\n\r\n")))
		require.True(t, bytes.Contains(in[:n], h.AppendFields(nil)))
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"\r\nPOST http://h:80/p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
		"PUT /x HTTP/1.1\r\nhost: [::1]:80\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
		"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nA: b\r\na: c\r\nX_y: \xc3\xa4\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding : chunked\r\n fold\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	lim := http1.Limits{HeaderBytes: 1 << 20, Fields: 1000, TargetBytes: 1 << 19}
	f.Fuzz(func(t *testing.T, in []byte) {
		var r http1.Request
		n, err := r.Parse(in, lim)
		consistent(t, in, n, err, &r.Header)
		if n == 0 {
			return
		}
		require.Equal(t, requestOutcome(in, lim), requestOutcome(in, lim, ones(min(n, 300))...))

		raw := append(bytes.TrimLeft(in[:n:n], "\r\n"), in[n:]...) // ReadRequest itself skips no empty lines
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		require.Equal(t, string(r.Method()), theirs.Method)
		require.Equal(t, int(r.Minor), theirs.ProtoMinor)
		sameTarget(t, &r, theirs)
		sameRequestFraming(t, &r, theirs)
		sameFields(t, &r.Header, theirs.Header, "Host", "Transfer-Encoding", "Content-Length", "Trailer", "Pragma", "Cache-Control")
	})
}

func sameTarget(t *testing.T, r *http1.Request, theirs *http.Request) {
	if theirs.Method == "CONNECT" {
		return // never passed on, and net/http takes the host out of its target
	}
	require.Equal(t, string(r.Host()), theirs.Host)
	switch target := string(r.Target()); {
	case strings.HasPrefix(theirs.RequestURI, "/"), target == "*":
		require.Equal(t, target, theirs.RequestURI)
	default:
		u, err := url.Parse(theirs.RequestURI)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(theirs.RequestURI, string(r.Host())+strings.TrimSuffix(target, "/")) ||
			strings.HasSuffix(theirs.RequestURI, string(r.Host())+target), "%q of %q", target, theirs.RequestURI)
		require.Equal(t, u.Host, string(r.Host()))
	}
}

func sameRequestFraming(t *testing.T, r *http1.Request, theirs *http.Request) {
	require.Equal(t, r.Chunked, len(theirs.TransferEncoding) == 1 && theirs.TransferEncoding[0] == "chunked")
	if !r.Chunked {
		require.Equal(t, max(r.ContentLength, 0), theirs.ContentLength)
	}
	require.Equal(t, !r.KeepAlive, theirs.Close)
}

func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.0 404\r\nConnection: keep-alive\r\n\r\n",
		"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(s), false)
	}
	lim := http1.Limits{HeaderBytes: 1 << 20, Fields: 1000}
	f.Fuzz(func(t *testing.T, in []byte, head bool) {
		var r http1.Response
		n, err := r.Parse(in, lim)
		consistent(t, in, n, err, &r.Header)
		if n == 0 {
			return
		}
		require.Equal(t, responseOutcome(in, lim), responseOutcome(in, lim, ones(min(n, 300))...))

		method := "GET"
		if head {
			method = "HEAD"
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: method})
		if err != nil {
			return
		}
		require.Equal(t, r.Status, theirs.StatusCode)
		require.Equal(t, int(r.Minor), theirs.ProtoMinor)
		require.Equal(t, strings.TrimLeft(string(r.StatusText()), " "), theirs.Status)
		sameFields(t, &r.Header, theirs.Header, "Transfer-Encoding", "Content-Length", "Trailer", "Connection")
		switch r.Body(head) {
		case http1.NoBody:
			if !head && r.Status != 304 {
				require.Zero(t, theirs.ContentLength)
			}
		case http1.ChunkedBody:
			require.Equal(t, []string{"chunked"}, theirs.TransferEncoding)
		case http1.FixedBody:
			require.Equal(t, r.ContentLength, theirs.ContentLength)
		case http1.CloseBody:
			require.EqualValues(t, -1, theirs.ContentLength)
			require.Empty(t, theirs.TransferEncoding)
		}
	})
}

func FuzzChunked(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nNEXT", "5;a=\"b\"\r\nhello\r\n3 \r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
		"5\nhello\n0\n\n", "5 5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "0x5\r\n",
	} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		var c http1.ChunkReader
		data, used, err := dechunk(&c, in)
		require.LessOrEqual(t, used, len(in))

		// The pieces in which the bytes arrive make no difference.
		if cut < 1 || cut > len(in) {
			cut = 1
		}
		var split http1.ChunkReader
		dataSplit, usedSplit, errSplit := dechunk(&split, in, cut)
		require.Equal(t, data, dataSplit)
		require.Equal(t, used, usedSplit)
		require.Equal(t, err, errSplit)
		require.Equal(t, c.Done(), split.Done())
		if !c.Done() {
			return
		}
		require.NoError(t, err)
		require.True(t, bytes.HasSuffix(in[:used], []byte("\r\n\r\n")) || bytes.HasSuffix(in[:used], []byte("\n\r\n")))

		// Not one byte of it could be missing.
		var short http1.ChunkReader
		_, _, err = dechunk(&short, in[:used-1])
		require.NoError(t, err)
		require.False(t, short.Done())

		theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
		if err == nil {
			require.Equal(t, theirs, append([]byte{}, data...))
		}
	})
}
