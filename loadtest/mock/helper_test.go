package mock_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestEchoShowsTheRequestAsItCame(t *testing.T) {
	u := start(t, mock.Config{})
	c := u.raw("POST /x/echo?a=%2F&key=sk-secret&b HTTP/1.1\r\nhOsT: m\r\nX-b: 2\r\nx-A: 1\r\nX-b: 3\r\nAuthorization: Bearer sk-secret\r\n" +
		"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	m := reply{body: string(b)}.json(t)
	assert.Equal(t, "POST", m["method"])
	assert.Equal(t, "/x/echo?a=%2F&key=redacted&b", m["target"])
	assert.Equal(t, 3., m["body_length"])
	assert.Equal(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", m["body_sha256"])
	var names []any
	for i := range 5 {
		names = append(names, dig(m, "headers", i, "name"))
	}
	assert.Equal(t, []any{"hOsT", "X-b", "x-A", "X-b", "Authorization"}, names)
	assert.Equal(t, "3", dig(m, "headers", 3, "value"))
	assert.Equal(t, []any{map[string]any{"name": "X-Sum", "value": "9"}}, m["trailers"])
	assert.NotContains(t, string(b), "sk-secret")
}

func TestHelpers(t *testing.T) {
	u := start(t, mock.Config{})
	assert.Len(t, u.send("GET", "/x/plain", "").body, 1024)
	assert.Len(t, u.send("GET", "/x/plain?size=2000000", "").body, 2000000)
	assert.Equal(t, 400, u.send("GET", "/x/plain?size=x", "").StatusCode)
	assert.Equal(t, 418, u.send("GET", "/x/status/418", "").StatusCode)
	assert.Equal(t, 302, u.send("GET", "/x/status/302", "").StatusCode)
	assert.Equal(t, 400, u.send("GET", "/x/status/700", "").StatusCode)
	assert.Equal(t, "line 1\nline 2\nline 3\n", u.send("GET", "/x/slow?first=1ms&gap=1ms&n=3", "").body)
	assert.Equal(t, 200, u.send("HEAD", "/x/slow", "").StatusCode)
	assert.Zero(t, u.Stats().Aborted)
	assert.Equal(t, 400, u.send("GET", "/x/slow?gap=fast", "").StatusCode)
	assert.Len(t, u.send("GET", "/x/no-length?size=77", "").body, 77)
	assert.Len(t, u.send("GET", "/x/big-headers?size=5000", "").Header.Get("X-Big-0"), 1024)

	r := u.send("GET", "/x/gzip?size=5000", "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(strings.NewReader(r.body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Equal(t, u.send("GET", "/x/gzip?size=5000", "", "Accept-Encoding", "br").body, string(plain))

	r = u.send("GET", "/x/trailers", "")
	assert.Equal(t, "yes", r.Trailer.Get("X-Done"))
	assert.NotEmpty(t, r.Trailer.Get("X-Checksum"))

	r = u.send("GET", "/x/repeat-headers", "")
	assert.Equal(t, []string{"a=1; Path=/", "b=2; Path=/; HttpOnly", "a=3; Path=/x"}, r.Header["Set-Cookie"])
	assert.Equal(t, "ok\n", u.send("GET", "/x/repeat-headers", "").body, "the connection is still in order")
	c := u.raw("GET /x/repeat-headers HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Contains(t, string(b), "\r\nx-MiXeD-CaSe: yes\r\n")
	assert.Equal(t, 1, strings.Count(string(b), "HTTP/1.1 "))

	c = u.raw("GET /x/close-early?size=100 HTTP/1.1\r\nHost: m\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	half, err := io.ReadAll(resp.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, half, 50)

	b, err = io.ReadAll(u.raw("GET /x/garbage HTTP/1.1\r\nHost: m\r\n\r\n"))
	require.NoError(t, err)
	assert.NotContains(t, string(b), "HTTP/1.1")
}

func TestEarlyHints(t *testing.T) {
	u := start(t, mock.Config{})
	var hints []int
	req, err := http.NewRequest("GET", "http://"+u.addr+"/x/early-hints", nil)
	require.NoError(t, err)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, code)
			assert.NotEmpty(t, h.Get("Link"))
			return nil
		},
	}))
	resp, err := u.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, []int{103}, hints)
}

func TestContinue(t *testing.T) {
	u := start(t, mock.Config{})
	head := "POST /x/continue HTTP/1.1\r\nHost: m\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
	c := u.raw(head)
	br := bufio.NewReader(c)
	line, err := br.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = io.WriteString(c, "abc")
	require.NoError(t, err)
	_, _ = br.ReadString('\n')
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	require.NoError(t, resp.Body.Close())

	c = u.raw(strings.Replace(head, "continue ", "continue?reject=413 ", 1))
	line, err = bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, " 413 ")
}

func TestTunnels(t *testing.T) {
	u := start(t, mock.Config{})
	c := u.raw("GET /x/upgrade HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: raw-echo\r\n\r\nearly")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	early := make([]byte, 5)
	_, err = io.ReadFull(br, early)
	require.NoError(t, err)
	assert.Equal(t, "early", string(early))

	c = u.raw("GET /x/ws HTTP/1.1\r\nHost: m\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	br = bufio.NewReader(c)
	resp, err = http.ReadResponse(br, nil)
	require.NoError(t, err)
	require.Equal(t, 101, resp.StatusCode)
	assert.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", resp.Header.Get("Sec-WebSocket-Accept"))
	exchange := func(first byte, payload string) string {
		t.Helper()
		frame := []byte{first, 0x80 | byte(len(payload)), 1, 2, 3, 4}
		for i := range len(payload) {
			frame = append(frame, payload[i]^byte(i&3+1))
		}
		_, err := c.Write(frame)
		require.NoError(t, err)
		got := make([]byte, 2+len(payload))
		_, err = io.ReadFull(br, got)
		require.NoError(t, err)
		return string(got)
	}
	assert.Equal(t, "\x81\x05hello", exchange(0x81, "hello"))
	assert.Equal(t, "\x8a\x02hi", exchange(0x89, "hi"))
	assert.Equal(t, "\x88\x02\x03\xe8", exchange(0x88, "\x03\xe8"))
	_, err = br.ReadByte()
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 426, u.send("GET", "/x/ws", "").StatusCode)
	assert.Equal(t, 426, u.send("GET", "/x/upgrade", "").StatusCode)
}

func TestUnreadableRequests(t *testing.T) {
	u := start(t, mock.Config{MaxBodyBytes: 100})
	f := func(request, status string) {
		t.Helper()
		line, err := bufio.NewReader(u.raw(request)).ReadString('\n')
		require.NoError(t, err)
		assert.Contains(t, line, status)
	}
	f("POST /x/echo HTTP/1.1\r\nHost: m\r\nContent-Length: 101\r\n\r\n"+strings.Repeat("x", 101), "413")
	f("GET /x/echo HTTP/1.1\r\nHost: m\r\nX: "+strings.Repeat("x", 20000)+"\r\n\r\n", "431")
	f("nonsense\r\n\r\n", "400")
}

func TestSlowStopsWithItsClient(t *testing.T) {
	u := start(t, mock.Config{})
	c := u.raw("GET /x/hang HTTP/1.1\r\nHost: m\r\n\r\n")
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 1 })
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err, "nothing is answered")
	require.NoError(t, c.Close())
	u.eventually(func(s mock.Stats) bool { return s.Aborted == 1 })
}
