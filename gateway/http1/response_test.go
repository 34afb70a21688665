package http1_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
)

func TestResponseRefused(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		// Status line (RFC 9112 section 4).
		{"garbage", "SSH-2.0-OpenSSH_9.6\r\n"},
		{"garbage without line end", "SSH"},
		{"HTTP/0.9 body", "<html>"},
		{"empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
		{"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"},
		{"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"},
		{"lower case", "http/1.1 200 OK\r\n\r\n"},
		{"no code", "HTTP/1.1\r\n\r\n"},
		{"no code but a space", "HTTP/1.1 \r\n\r\n"},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n"},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
		{"signed", "HTTP/1.1 +20 OK\r\n\r\n"},
		{"letters", "HTTP/1.1 2xx OK\r\n\r\n"},
		{"below 100", "HTTP/1.1 099 OK\r\n\r\n"},
		{"above 599", "HTTP/1.1 600 OK\r\n\r\n"},
		{"two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
		{"tab", "HTTP/1.1\t200 OK\r\n\r\n"},
		{"tab behind the code", "HTTP/1.1 200\tOK\r\n\r\n"},
		{"NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n"},
		{"CR in the reason", "HTTP/1.1 200 O\rSet-Cookie: a\r\n\r\n"},
		{"bare LF", "HTTP/1.1 200 OK\n\r\n"},
		{"status line without end", "HTTP/1.1 200 " + strings.Repeat("a", 4096)},

		{"bare LF behind a field", "HTTP/1.1 200 OK\r\nA: b\n\r\n"},
		{"bare LF ends the block", "HTTP/1.1 200 OK\r\nA: b\r\n\n"},
		{"bare CR", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"},
		{"obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"},
		{"space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n"},
		{"NUL", "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n"},
		{"block too large", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 4096) + "\r\n\r\n"},
		{"too many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 33) + "\r\n"},

		{"Content-Length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"},
		{"Content-Length list", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n"},
		{"Content-Length signed", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
		{"CL + TE", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"TE gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"},
		{"TE gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
		{"TE twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"TE in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"CL + TE with 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r http1.Response
			n, err := r.Parse([]byte(tt.in), limits)
			require.Error(t, err)
			assert.Zero(t, n)
			assert.Equal(t, 502, status(t, err), err)
		})
	}
}

func TestResponseAccepted(t *testing.T) {
	type want struct {
		status             int
		text               string
		length             int64
		chunked, keepAlive bool
		body               http1.BodyKind
	}
	for _, tt := range []struct {
		name, in string
		want     want
	}{
		{"fixed", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", want{200, "200 OK", 5, false, true, http1.FixedBody}},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", want{200, "200 OK", 0, false, true, http1.NoBody}},
		{"chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", want{200, "200 OK", -1, true, true, http1.ChunkedBody}},
		{"until close", "HTTP/1.1 200 OK\r\n\r\n", want{200, "200 OK", -1, false, true, http1.CloseBody}},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", want{200, "200 OK", -1, false, false, http1.CloseBody}},
		{"HTTP/1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", want{200, "200 OK", 1, false, true, http1.FixedBody}},
		{"close", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\n", want{200, "200 OK", 1, false, false, http1.FixedBody}},
		{"no reason, no space", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", want{200, "200", 1, false, true, http1.FixedBody}},
		{"no reason", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", want{200, "200 ", 1, false, true, http1.FixedBody}},
		{"odd reason", "HTTP/1.1 404 N\xc3\xb6 \t way\r\nContent-Length: 1\r\n\r\n", want{404, "404 N\xc3\xb6 \t way", 1, false, true, http1.FixedBody}},
		{"unknown code", "HTTP/1.1 599 X\r\nContent-Length: 1\r\n\r\n", want{599, "599 X", 1, false, true, http1.FixedBody}},
		{"100", "HTTP/1.1 100 Continue\r\n\r\n", want{100, "100 Continue", -1, false, true, http1.NoBody}},
		{"103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", want{103, "103 Early Hints", -1, false, true, http1.NoBody}},
		{"103 with framing", "HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n", want{103, "103 Early Hints", -1, false, true, http1.NoBody}},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", want{101, "101 Switching Protocols", -1, false, true, http1.NoBody}},
		{"204 with length", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", want{204, "204 No Content", -1, false, true, http1.NoBody}},
		{"204 with coding", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", want{204, "204 No Content", -1, false, true, http1.NoBody}},
		{"304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", want{304, "304 Not Modified", 7, false, true, http1.NoBody}},
		{"304 with coding", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", want{304, "304 Not Modified", -1, true, true, http1.NoBody}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r http1.Response
			n, err := r.Parse([]byte(tt.in+"HTTP/1.1 500 next"), limits)
			require.NoError(t, err)
			assert.Equal(t, len(tt.in), n, "bytes used")
			assert.Equal(t, tt.want, want{r.Status, string(r.StatusText()), r.ContentLength, r.Chunked, r.KeepAlive, r.Body(false)})
			assert.Equal(t, http1.NoBody, r.Body(true), "answer to HEAD")
		})
	}
}

// Several messages lie in one buffer: each is parsed for itself.
func TestResponseAfterInformational(t *testing.T) {
	buf := []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	var r http1.Response
	var seen []int
	for len(buf) > 0 {
		r.Reset()
		n, err := r.Parse(buf, limits)
		require.NoError(t, err)
		require.NotZero(t, n)
		seen = append(seen, r.Status)
		buf = buf[n:]
	}
	assert.Equal(t, []int{100, 103, 200}, seen)
	assert.False(t, r.Has(http1.KeepAlive))
	assert.Equal(t, 1, r.Len())
}
