package http1_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
)

func TestRequestRefused(t *testing.T) {
	const host = "Host: a\r\n"
	for _, tt := range []struct {
		name, in string
		status   int
	}{
		// Start line (RFC 9112 section 3).
		{"empty method", " / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"method with separator", "GE(T / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"method with NUL", "GE\x00T / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"method with obs-text", "GE\xe9 / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"method of 33 bytes", strings.Repeat("M", 33) + " / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"tab between the parts", "GET\t/\tHTTP/1.1\r\n" + host + "\r\n", 400},
		{"tab before the version", "GET /\tHTTP/1.1\r\n" + host + "\r\n", 400},
		{"two spaces before the target", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"two spaces before the version", "GET /  HTTP/1.1\r\n" + host + "\r\n", 400},
		{"space behind the version", "GET / HTTP/1.1 \r\n" + host + "\r\n", 400},
		{"HTTP/0.9", "GET /\r\n\r\n", 400},
		{"method alone", "GET\r\n\r\n", 400},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400},
		{"space in the target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"version smuggled into the target", "GET /a HTTP/1.1 HTTP/1.1\r\n" + host + "\r\n", 400},
		{"control byte in the target", "GET /a\x01b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"NUL in the target", "GET /a\x00b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"CR in the target", "GET /a\rb HTTP/1.1\r\n" + host + "\r\n", 400},
		{"DEL in the target", "GET /a\x7fb HTTP/1.1\r\n" + host + "\r\n", 400},
		{"fragment", "GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"no target", "GET  HTTP/1.1\r\n" + host + "\r\n", 400},
		{"target without slash", "GET a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"query alone", "GET ?a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"asterisk for GET", "GET * HTTP/1.1\r\n" + host + "\r\n", 400},
		{"authority form for GET", "GET a:80 HTTP/1.1\r\n" + host + "\r\n", 400},
		{"three empty lines first", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"space line first", " \r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"bare LF first", "\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
		{"target too long", "GET /" + strings.Repeat("a", 1024) + " HTTP/1.1\r\n" + host + "\r\n", 414},
		{"target far too long", "GET /" + strings.Repeat("a", 8192) + " HTTP/1.1\r\n" + host + "\r\n", 414},
		{"start line without end", "GET /" + strings.Repeat("a", 2048), 414},
		{"start line of spaces", strings.Repeat(" ", 2048), 414},
		{"absolute target too long", "GET http://a/" + strings.Repeat("a", 1016) + " HTTP/1.1\r\n" + host + "\r\n", 414},

		// Version (RFC 9112 section 2.3).
		{"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
		{"HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
		{"HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n" + host + "\r\n", 505},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"lower-case version", "GET / http/1.1\r\n" + host + "\r\n", 400},
		{"two minor digits", "GET / HTTP/1.10\r\n" + host + "\r\n", 400},
		{"leading zero", "GET / HTTP/01.1\r\n" + host + "\r\n", 400},
		{"version without minor", "GET / HTTP/1\r\n" + host + "\r\n", 400},
		{"version with letters", "GET / HTTP/a.b\r\n" + host + "\r\n", 400},
		{"CR in the version", "GET / HTTP/1.1\r\r\n" + host + "\r\n", 400},
		{"another protocol", "GET / ICAP/1.0\r\n" + host + "\r\n", 400},
		{"ICY", "SOURCE / ICE/1.0\r\n\r\n", 400},

		// Line ends (RFC 9112 section 2.2).
		{"bare LF behind the start line", "GET / HTTP/1.1\n" + host + "\r\n", 400},
		{"bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
		{"bare LF ends the block", "GET / HTTP/1.1\r\n" + host + "\n", 400},
		{"bare CR in a value", "GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", 400},
		{"bare CR hides a field", "GET / HTTP/1.1\r\n" + host + "A: b\rTransfer-Encoding: chunked\r\n\r\n", 400},
		{"bare CR in a name", "GET / HTTP/1.1\r\n" + host + "A\r: b\r\n\r\n", 400},
		{"CR CR LF", "GET / HTTP/1.1\r\n" + host + "A: b\r\r\n\r\n", 400},
		{"CR CR LF ends the block", "GET / HTTP/1.1\r\n" + host + "\r\r\n", 400},

		// Field lines (RFC 9112 section 5).
		{"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
		{"tab before the colon", "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding\t: chunked\r\n\r\n", 400},
		{"no colon", "GET / HTTP/1.1\r\n" + host + "A\r\n\r\n", 400},
		{"empty name", "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n", 400},
		{"space in a name", "GET / HTTP/1.1\r\n" + host + "A B: c\r\n\r\n", 400},
		{"NUL in a name", "GET / HTTP/1.1\r\n" + host + "A\x00: c\r\n\r\n", 400},
		{"obs-text in a name", "GET / HTTP/1.1\r\n" + host + "\xc3\xa4: c\r\n\r\n", 400},
		{"separator in a name", "GET / HTTP/1.1\r\n" + host + "A(b): c\r\n\r\n", 400},
		{"obs-fold with a space", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400},
		{"obs-fold with a tab", "GET / HTTP/1.1\r\n" + host + "A: b\r\n\tc\r\n\r\n", 400},
		{"obs-fold of nothing", "GET / HTTP/1.1\r\n" + host + "A: b\r\n \r\n\r\n", 400},
		{"white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
		{"NUL in a value", "GET / HTTP/1.1\r\n" + host + "A: b\x00c\r\n\r\n", 400},
		{"NUL deep in a value", "GET / HTTP/1.1\r\n" + host + "A: 0123456789abc\x00def\r\n\r\n", 400},
		{"DEL in a value", "GET / HTTP/1.1\r\n" + host + "A: 0123456\x7f\r\n\r\n", 400},
		{"escape in a value", "GET / HTTP/1.1\r\n" + host + "A: \x1b[31m\r\n\r\n", 400},
		{"vertical tab before a coding", "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding:\x0bchunked\r\n\r\n", 400},
		{"block too large", "GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("b", 4096) + "\r\n\r\n", 431},
		{"block without end too large", "GET / HTTP/1.1\r\n" + host + "A: " + strings.Repeat("b", 4096), 431},
		{"block of many lines too large", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A: "+strings.Repeat("b", 200)+"\r\n", 25), 431},
		{"too many fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", 32) + "\r\n", 431},

		// Framing (RFC 9112 section 6, RFC 9110 section 8.6).
		{"Content-Length twice, equal", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", 400},
		{"Content-Length twice, different", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\ncontent-length: 3\r\n\r\n", 400},
		{"Content-Length list", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2, 2\r\n\r\n", 400},
		{"Content-Length list of one", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2,\r\n\r\n", 400},
		{"Content-Length plus sign", "POST / HTTP/1.1\r\n" + host + "Content-Length: +2\r\n\r\n", 400},
		{"Content-Length minus sign", "POST / HTTP/1.1\r\n" + host + "Content-Length: -2\r\n\r\n", 400},
		{"Content-Length minus zero", "POST / HTTP/1.1\r\n" + host + "Content-Length: -0\r\n\r\n", 400},
		{"Content-Length hex", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x2\r\n\r\n", 400},
		{"Content-Length fraction", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2.0\r\n\r\n", 400},
		{"Content-Length exponent", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1e3\r\n\r\n", 400},
		{"Content-Length quoted", "POST / HTTP/1.1\r\n" + host + "Content-Length: \"2\"\r\n\r\n", 400},
		{"Content-Length with underscore", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1_0\r\n\r\n", 400},
		{"Content-Length inner space", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1 0\r\n\r\n", 400},
		{"Content-Length full-width digit", "POST / HTTP/1.1\r\n" + host + "Content-Length: \xef\xbc\x92\r\n\r\n", 400},
		{"Content-Length empty", "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", 400},
		{"Content-Length 2^63", "POST / HTTP/1.1\r\n" + host + "Content-Length: 9223372036854775808\r\n\r\n", 400},
		{"Content-Length 2^64+2", "POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551618\r\n\r\n", 400},
		{"Content-Length 20 zeros", "POST / HTTP/1.1\r\n" + host + "Content-Length: 00000000000000000000\r\n\r\n", 400},
		{"CL + TE", "POST / HTTP/1.1\r\n" + host + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"TE + CL", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n", 400},
		{"TE + CL 0", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
		{"CL + unknown TE", "POST / HTTP/1.1\r\n" + host + "Content-Length: 6\r\nTransfer-Encoding: x\r\n\r\n", 400},
		{"TE twice", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"TE twice, cow", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n", 400},
		{"TE identity then chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"TE chunked, chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
		{"TE xchunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", 400},
		{"TE chunkedx", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunkedx\r\n\r\n", 400},
		{"TE chunked with parameter", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked;a=b\r\n\r\n", 400},
		{"TE quoted", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
		{"TE identity", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 400},
		{"TE gzip", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 400},
		{"TE chunked, gzip", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
		{"TE chunked with comma", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked,\r\n\r\n", 501},
		{"TE empty", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n\r\n", 400},
		{"TE no-break space", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \xa0chunked\r\n\r\n", 400},
		{"TE gzip, chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"TE , chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: , chunked\r\n\r\n", 501},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"TE in HTTP/1.0 with keep-alive", "POST / HTTP/1.0\r\n" + host + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", 400},

		{"too many connection options", "GET / HTTP/1.1\r\n" + host + "Connection: " + strings.Repeat("a,", 33) + "\r\n\r\n", 400},
		{"too many connection options in all", "GET / HTTP/1.1\r\n" + host + strings.Repeat("Connection: "+strings.Repeat(",", 12)+"\r\n", 3) + "\r\n", 400},

		// Host (RFC 9112 section 3.2).
		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"no Host, absolute target", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
		{"Host twice, equal", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"Host twice, absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400},
		{"Host twice in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
		{"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
		{"Host with scheme", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400},
		{"Host with percent", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", 400},
		{"Host with query", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400},
		{"Host with fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", 400},
		{"Host with backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400},
		{"Host with obs-text", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400},
		{"Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n", 400},
		{"Host with named port", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
		{"Host with signed port", "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n", 400},
		{"Host with long port", "GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", 400},
		{"Host a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
		{"Host IPv6 without brackets", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400},
		{"Host IPv6 unclosed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
		{"Host IPv6 with tail", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400},
		{"Host IPv6 with zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", 400},
		{"Host empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400},
		{"Host with late bracket", "GET / HTTP/1.1\r\nHost: a[::1]\r\n\r\n", 400},

		// Absolute form (RFC 9112 section 3.2.2).
		{"absolute without host", "GET http:///a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with port alone", "GET http://:80/a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with user", "GET http://u:p@a/ HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with backslash", "GET http://a\\b/ HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with query behind the host", "GET http://a?b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with nothing", "GET http:// HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with one slash", "GET http:/a HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with another scheme", "GET ftp://a/ HTTP/1.1\r\n" + host + "\r\n", 400},
		{"absolute with odd Host", "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r http1.Request
			n, err := r.Parse([]byte(tt.in), limits)
			require.Error(t, err)
			assert.Zero(t, n)
			assert.Equal(t, tt.status, status(t, err), err)
			assert.NotContains(t, err.Error(), "smuggled")
		})
	}
}

func TestRequestAccepted(t *testing.T) {
	type want struct {
		method, target, host string
		length               int64
		chunked, keepAlive   bool
		minor                uint8
	}
	for _, tt := range []struct {
		name, in string
		want     want
	}{
		{"plain", "GET /a?b=c HTTP/1.1\r\nHost: a.test\r\n\r\n", want{"GET", "/a?b=c", "a.test", -1, false, true, 1}},
		{"one empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"any method", "pUrGe /x HTTP/1.1\r\nHost: a\r\n\r\n", want{"pUrGe", "/x", "a", -1, false, true, 1}},
		{"method of 32 bytes", strings.Repeat("M", 32) + " / HTTP/1.1\r\nHost: a\r\n\r\n", want{strings.Repeat("M", 32), "/", "a", -1, false, true, 1}},
		{"longest target", "GET /" + strings.Repeat("a", 1023) + " HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/" + strings.Repeat("a", 1023), "a", -1, false, true, 1}},
		{"raw path", "GET //a/../b%2Fc/%2e;d='e'|f\\g HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "//a/../b%2Fc/%2e;d='e'|f\\g", "a", -1, false, true, 1}},
		{"obs-text in the path", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/\xc3\xa4", "a", -1, false, true, 1}},
		{"absolute in the query", "GET /?u=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/?u=http://b/", "a", -1, false, true, 1}},
		{"no white space behind a colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"much white space around a value", "GET / HTTP/1.1\r\nHost: \t a\t \r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"Host in lower case", "GET / HTTP/1.1\r\nhost: A.Test:8080\r\n\r\n", want{"GET", "/", "A.Test:8080", -1, false, true, 1}},
		{"Host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", want{"GET", "/", "", -1, false, true, 1}},
		{"Host IPv6", "GET / HTTP/1.1\r\nHost: [2001:DB8::1]:443\r\n\r\n", want{"GET", "/", "[2001:DB8::1]:443", -1, false, true, 1}},
		{"Host IPv6 with IPv4", "GET / HTTP/1.1\r\nHost: [::ffff:10.0.0.1]\r\n\r\n", want{"GET", "/", "[::ffff:10.0.0.1]", -1, false, true, 1}},
		{"Host with underscore", "GET / HTTP/1.1\r\nHost: my_service.local\r\n\r\n", want{"GET", "/", "my_service.local", -1, false, true, 1}},
		{"Host with empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", want{"GET", "/", "a:", -1, false, true, 1}},
		{"absolute", "GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/p?q", "b:81", -1, false, true, 1}},
		{"absolute in upper case", "GET HTTPS://B/ HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/", "B", -1, false, true, 1}},
		{"absolute without path", "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/", "b", -1, false, true, 1}},
		{"absolute IPv6", "GET http://[::1]:80/ HTTP/1.1\r\nHost: a\r\n\r\n", want{"GET", "/", "[::1]:80", -1, false, true, 1}},
		{"absolute in HTTP/1.0 without Host", "GET http://b/ HTTP/1.0\r\n\r\n", want{"GET", "/", "b", -1, false, false, 0}},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", want{"OPTIONS", "*", "a", -1, false, true, 1}},
		{"CONNECT", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", want{"CONNECT", "b:443", "b:443", -1, false, true, 1}},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", want{"GET", "/", "", -1, false, false, 0}},
		{"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", want{"GET", "/", "", -1, false, true, 0}},
		{"HTTP/1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", want{"GET", "/", "", -1, false, false, 0}},
		{"HTTP/1.0 with Content-Length", "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n", want{"POST", "/", "", 3, false, false, 0}},
		{"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE\r\n\r\n", want{"GET", "/", "a", -1, false, false, 1}},
		{"close in a second field", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nconnection: close\r\n\r\n", want{"GET", "/", "a", -1, false, false, 1}},
		{"many connection options", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", 31) + "close\r\n\r\n", want{"GET", "/", "a", -1, false, false, 1}},
		{"closed is not close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n", want{"POST", "/", "a", 17, false, true, 1}},
		{"Content-Length zero", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", want{"POST", "/", "a", 0, false, true, 1}},
		{"Content-Length leading zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", want{"POST", "/", "a", 7, false, true, 1}},
		{"Content-Length 2^63-1", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", want{"POST", "/", "a", 1<<63 - 1, false, true, 1}},
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tCHUNKED \r\n\r\n", want{"POST", "/", "a", -1, true, true, 1}},
		{"as many fields as allowed", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 31) + "\r\n", want{"GET", "/", "a", -1, false, true, 1}},
		{"block as large as allowed", "GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("b", 4096-16-9-3-4) + "\r\n\r\n", want{"GET", "/", "a", -1, false, true, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r http1.Request
			n, err := r.Parse([]byte(tt.in+"GARBAGE"), limits)
			require.NoError(t, err)
			assert.Equal(t, len(tt.in), n, "bytes used")
			assert.Equal(t, tt.want, want{
				string(r.Method()), string(r.Target()), string(r.Host()),
				r.ContentLength, r.Chunked, r.KeepAlive, r.Minor,
			})
			assert.Equal(t, tt.want.chunked || tt.want.length > 0, r.HasBody())
			assert.Equal(t, tt.in, string(r.Block()))
		})
	}
}

func TestRequestPathAndQuery(t *testing.T) {
	for _, tt := range []struct {
		target, path string
		query        []byte
	}{
		{"/a", "/a", nil},
		{"/a?", "/a", []byte{}},
		{"/a?b?c", "/a", []byte("b?c")},
		{"http://h", "/", nil},
		{"http://h/a?b", "/a", []byte("b")},
	} {
		r := parseRequest(t, "GET "+tt.target+" HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.Equal(t, tt.path, string(r.Path()), tt.target)
		assert.Equal(t, tt.query, r.Query(), tt.target)
	}
}

func TestRequestExpects(t *testing.T) {
	for _, tt := range []struct {
		name, in    string
		expects, ok bool
	}{
		{"nothing", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", false, true},
		{"100-continue", "POST / HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\n\r\n", true, true},
		{"from HTTP/1.0", "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, true},
		{"banana", "POST / HTTP/1.1\r\nHost: a\r\nExpect: banana\r\n\r\n", false, false},
		{"twice", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", false, false},
		{"list", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", false, false},
		{"empty", "POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expects, ok := parseRequest(t, tt.in).ExpectsContinue()
			assert.Equal(t, tt.expects, expects)
			assert.Equal(t, tt.ok, ok)
		})
	}
}

func TestRequestUpgrade(t *testing.T) {
	for _, tt := range []struct{ name, fields, want string }{
		{"none", "", ""},
		{"websocket", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "websocket"},
		{"in the second Connection", "Connection: close\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", "websocket"},
		{"not nominated", "Connection: keep-alive\r\nUpgrade: websocket\r\n", ""},
		{"no Connection", "Upgrade: websocket\r\n", ""},
		{"nominated alone", "Connection: upgrade\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parseRequest(t, "GET / HTTP/1.1\r\nHost: a\r\n"+tt.fields+"\r\n")
			assert.Equal(t, tt.want, string(r.UpgradeRequested()))
		})
	}
	r := parseRequest(t, "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
	assert.Nil(t, r.UpgradeRequested(), "HTTP/1.0 cannot upgrade")
}

func TestRequestReset(t *testing.T) {
	r := parseRequest(t, "POST http://b/x HTTP/1.0\r\nTransfer: a\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n")
	r.Reset()
	assert.Zero(t, r.Len())
	assert.False(t, r.Has(http1.ContentLength))
	n, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), limits)
	require.NoError(t, err)
	assert.Positive(t, n)
	assert.Equal(t, "a", string(r.Host()))
	assert.Equal(t, "/", string(r.Target()))
	assert.EqualValues(t, -1, r.ContentLength)
	assert.True(t, r.Chunked)
	assert.EqualValues(t, 1, r.Minor)
	assert.Equal(t, []string{"Host: a", "Transfer-Encoding: chunked"}, lines(&r.Header))
}

// The owner of the buffer may move it between two calls and after the last.
func TestRequestRebase(t *testing.T) {
	const in = "GET /a HTTP/1.1\r\nHost: a.test\r\nX-B: c\r\n\r\n"
	var r http1.Request
	first := []byte(in[:30])
	n, err := r.Parse(first, limits)
	require.NoError(t, err)
	require.Zero(t, n)

	whole := []byte(in)
	r.Rebase(whole)
	clear(first)
	n, err = r.Parse(whole, limits)
	require.NoError(t, err)
	require.Equal(t, len(in), n)

	moved := append([]byte(nil), r.Block()...)
	r.Rebase(moved)
	clear(whole)
	assert.Equal(t, "GET", string(r.Method()))
	assert.Equal(t, "/a", string(r.Target()))
	assert.Equal(t, "a.test", string(r.Host()))
	assert.Equal(t, "Host: a.test\r\nX-B: c\r\n", string(r.AppendFields(nil)))
}
