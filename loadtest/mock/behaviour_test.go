package mock_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

// post is a raw POST with a length.
func post(path, body string, headers ...string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: m\r\nContent-Length: " + itoa(len(body)) + "\r\n" +
		strings.Join(append(headers, ""), "\r\n") + "\r\n" + body
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestHangUpBeforeTheFirstByte(t *testing.T) {
	u := start(t, mock.Config{TTFT: mock.FixedDuration(time.Minute)})
	c := u.raw(post("/v1/chat/completions", chat, "X-Mock-Tag: vip"))
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 1 })
	closed := time.Now()
	require.NoError(t, c.Close())
	u.eventually(func(s mock.Stats) bool { return s.Aborted == 1 })
	st := u.Stats()
	require.Len(t, st.Aborts, 1)
	a := st.Aborts[0]
	assert.Less(t, a.At.Sub(closed), 50*time.Millisecond)
	assert.Equal(t, "waiting", a.Phase)
	assert.Equal(t, "vip", a.Tag)
	assert.Equal(t, "/v1/chat/completions", a.Endpoint)
	assert.EqualValues(t, 1, st.Endpoints["/v1/chat/completions"][499])
	assert.EqualValues(t, 1, st.Tags["vip"].Aborted)
	assert.Zero(t, st.InFlight)
	assert.Empty(t, st.Models, "an answer that never began costs nothing")
}

func TestHangUpBetweenEvents(t *testing.T) {
	u := start(t, mock.Config{})
	// A second request lies unread behind the first: a peek at the socket would miss the close.
	c := u.raw(post("/v1/chat/completions", chatStream, "X-Mock-Gap: 1m") + "GET /x/plain HTTP/1.1\r\nHost: m\r\n\r\n")
	br := bufio.NewReader(c)
	for line := ""; !strings.Contains(line, `"content":"`) || strings.Contains(line, "role"); {
		var err error
		line, err = br.ReadString('\n')
		require.NoError(t, err)
	}
	require.NoError(t, c.Close())
	u.eventually(func(s mock.Stats) bool { return s.Aborted == 1 })
	st := u.Stats()
	assert.Equal(t, "streaming", st.Aborts[0].Phase)
	assert.Equal(t, 1, st.Aborts[0].Tokens)
	assert.EqualValues(t, 1, st.Models["gpt-4o"].TokensOut)
}

func TestConcurrencyLimit(t *testing.T) {
	const limit = 4
	u := start(t, mock.Config{MaxConcurrent: limit, TTFT: mock.FixedDuration(time.Minute)})
	var conns []net.Conn
	for range limit + 1 {
		conns = append(conns, u.raw(post("/v1/chat/completions", chat)))
	}
	u.eventually(func(s mock.Stats) bool { return s.InFlight == limit && s.Limited == 1 })
	for path, shape := range map[string][]any{
		"/v1/chat/completions": {"error", "code"}, "/v1/messages": {"error", "type"},
		"/v1beta/models/gemini-2.5-pro:generateContent": {"error", "status"},
	} {
		r := u.send("POST", path, chat)
		assert.Equal(t, 429, r.StatusCode)
		assert.Equal(t, "1", r.Header.Get("Retry-After"))
		assert.Contains(t, []any{"rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"}, dig(r.json(t), shape...))
	}
	assert.Equal(t, 200, u.send("GET", "/healthz", "").StatusCode)
	assert.EqualValues(t, limit, u.Stats().MaxInFlight)
	for _, c := range conns {
		require.NoError(t, c.Close())
	}
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 0 && s.Aborted == limit })
}

func TestRateWindows(t *testing.T) {
	u := start(t, mock.Config{RequestsPerMinute: 2, TokensPerMinute: 1000})
	for left := range 2 {
		r := u.send("POST", "/v1/chat/completions", chat)
		assert.Equal(t, 200, r.StatusCode)
		assert.Equal(t, itoa(1-left), r.Header.Get("X-Ratelimit-Remaining-Requests"))
	}
	r := u.send("POST", "/v1/chat/completions", chat)
	assert.Equal(t, 429, r.StatusCode)
	assert.Equal(t, "requests", dig(r.json(t), "error", "type"))
	assert.NotEmpty(t, r.Header.Get("Retry-After"))
	u.Reset()
	assert.Equal(t, 200, u.send("POST", "/v1/chat/completions", chat, "X-Mock-Tokens", "900").StatusCode)
	r = u.send("POST", "/v1/chat/completions", chat, "X-Mock-Tokens", "900")
	assert.Equal(t, 429, r.StatusCode)
	assert.Equal(t, "tokens", dig(r.json(t), "error", "type"))
}

func TestOrdersOfARequest(t *testing.T) {
	u := start(t, mock.Config{})
	for _, h := range [][2]string{
		{"X-Mock-Latency", "soon"},
		{"X-Mock-Latency", "50"},
		{"X-Mock-Tokens", "5ms"},
		{"X-Mock-Status", "99"},
		{"X-Mock-Fail", "explode"},
		{"X-Mock-Fail", "reset=1"},
		{"X-Mock-Fail", "cut-stream"},
		{"X-Mock-Error-Rate", "2"},
		{"X-Mock-Pad", "-1"},
		{"X-Mock-Timestamps", "maybe"},
		{"X-Mock-Tag", strings.Repeat("x", 200)},
		{"X-Mock-Typo", "1"},
	} {
		r := u.send("POST", "/v1/chat/completions", chat, h[0], h[1])
		assert.Equal(t, 400, r.StatusCode, h)
		assert.Equal(t, "invalid_mock_order", dig(r.json(t), "error", "code"), h)
	}
	begin := time.Now()
	r := u.send("POST", "/v1/chat/completions?mock_latency=20ms&mock_gap=10ms&mock_tokens=4&mock_tag=t", chat, "X-Mock-Tokens", "3")
	assert.GreaterOrEqual(t, time.Since(begin), 40*time.Millisecond)
	assert.Equal(t, 3., dig(r.json(t), "usage", "completion_tokens"))
	st := u.Stats().Tags["t"]
	assert.EqualValues(t, 1, st.Succeeded)
	assert.GreaterOrEqual(t, st.ServiceTime, 40*time.Millisecond)
	assert.Equal(t, 500, u.send("POST", "/v1/chat/completions", chat, "X-Mock-Error-Rate", "1").StatusCode)
	assert.Equal(t, 503, u.send("GET", "/profiles/p1", "", "X-Mock-Status", "503").StatusCode)
}

func TestFaults(t *testing.T) {
	u := start(t, mock.Config{})
	get := func(fail string) (string, error) {
		c := u.raw(post("/v1/chat/completions", chatStream, "X-Mock-Gap: 1ms", "X-Mock-Fail: "+fail))
		b, err := io.ReadAll(c)
		return string(b), err
	}
	_, err := get("reset")
	assert.ErrorContains(t, err, "reset")
	b, err := get("close-early")
	require.NoError(t, err)
	_, body, _ := strings.Cut(b, "\r\n\r\n")
	assert.Contains(t, b, "Content-Length: 1024")
	assert.Len(t, body, 512)
	b, _ = get("garbage")
	assert.NotContains(t, b, "HTTP/1")
	b, err = get("slow-headers")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(b, "X-Slow-19: 19\r\n\r\n{}"), b)
	b, err = get("cut-stream=3")
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(b, `"delta":{"content":"`))
	assert.NotContains(t, b, "[DONE]")
	assert.False(t, strings.HasSuffix(b, "0\r\n\r\n"))

	c := u.raw(post("/v1/chat/completions", chat, "X-Mock-Fail: hang"))
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 1 })
	require.NoError(t, c.Close())
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 0 && s.Requests == 6 })
	st := u.Stats()
	assert.EqualValues(t, 1, st.Aborted)
	assert.EqualValues(t, 4, st.Endpoints["/v1/chat/completions"][0])
	assert.EqualValues(t, 3, st.TokensOut)
}

func TestFaultRatesFollowTheSeed(t *testing.T) {
	statuses := func() (list []int) {
		u := start(t, mock.Config{Seed: 7, ErrorStatus: 502, Faults: mock.Faults{Error: .4, Overload: .2}})
		for range 50 {
			list = append(list, u.send("POST", "/v1/chat/completions", chat).StatusCode)
		}
		assert.Equal(t, 200, u.send("GET", "/x/plain", "").StatusCode, "helpers are spared")
		return list
	}
	first := statuses()
	assert.Subset(t, first, []int{200, 502, 503})
	assert.Equal(t, first, statuses())
}

func TestShutdownEndsStreams(t *testing.T) {
	s, err := mock.New(mock.Config{})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	idle, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer idle.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, post("/v1/chat/completions", chatStream, "X-Mock-Gap: 1m"))
	require.NoError(t, err)
	_, err = bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)

	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, s.Shutdown(ctx))
	assert.Less(t, time.Since(begin), time.Second)
	require.NoError(t, <-served)
	assert.ErrorIs(t, s.Shutdown(ctx), mock.ErrClosed)
	assert.ErrorIs(t, s.Serve(ln), mock.ErrClosed)
	assert.Zero(t, s.Stats().Open)
}

func TestAdmin(t *testing.T) {
	u := start(t, mock.Config{MaxTags: 1})
	var wg sync.WaitGroup
	for _, tag := range []string{"a", "a", "b", "c"} {
		wg.Go(func() {
			req, _ := http.NewRequest("GET", "http://"+u.addr+"/x/plain", nil)
			req.Header.Set("X-Mock-Tag", tag)
			if resp, err := u.client.Do(req); assert.NoError(t, err) {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	m := u.send("GET", "/mock/stats", "").json(t)
	assert.Equal(t, 4., m["requests"])
	assert.Equal(t, 4., dig(m, "endpoints", "/x/plain", "200"))
	assert.Len(t, m["tags"], 2)
	assert.Contains(t, m["tags"], "(other)")
	assert.Equal(t, 405, u.send("GET", "/mock/reset", "").StatusCode)
	assert.Equal(t, 204, u.send("POST", "/mock/reset", "").StatusCode)
	assert.Zero(t, u.Stats().Requests)
	assert.Equal(t, "ok\n", u.send("GET", "/metrics-free", "").body)
}
