package mock_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestMain(m *testing.M) {
	// fasthttp refreshes its Date header for as long as the process lives.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// upstream is a served mock with a client of its own.
type upstream struct {
	*mock.Server
	t      testing.TB
	addr   string
	client *http.Client
}

func start(t testing.TB, cfg mock.Config) *upstream {
	t.Helper()
	s, err := mock.New(cfg)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, s.Shutdown(ctx))
		assert.NoError(t, <-served)
	})
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &upstream{Server: s, t: t, addr: ln.Addr().String(), client: &http.Client{Transport: tr, CheckRedirect: noRedirect}}
}

// reply is a whole answer.
type reply struct {
	*http.Response
	body string
}

// send sends a request; headers are name, value, name, value.
func (u *upstream) send(method, path, body string, headers ...string) reply {
	u.t.Helper()
	req, err := http.NewRequest(method, "http://"+u.addr+path, strings.NewReader(body))
	require.NoError(u.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := u.client.Do(req)
	require.NoError(u.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(u.t, err)
	return reply{resp, string(b)}
}

// json reads the body as an object.
func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &m), r.body)
	return m
}

// dig follows names and list indexes into a JSON value.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// event is one server-sent event.
type event struct {
	name string
	data string
}

func (e event) json(t testing.TB) map[string]any {
	t.Helper()
	return reply{body: e.data}.json(t)
}

func events(body string) []event {
	var list []event
	var e event
	sc := bufio.NewScanner(bytes.NewReader([]byte(body)))
	for sc.Scan() {
		switch name, v, _ := strings.Cut(sc.Text(), ": "); name {
		case "event":
			e.name = v
		case "data":
			e.data = v
		case "":
			list = append(list, e)
			e = event{}
		}
	}
	return list
}

// raw sends bytes and returns the connection.
func (u *upstream) raw(text string) net.Conn {
	u.t.Helper()
	c, err := net.Dial("tcp", u.addr)
	require.NoError(u.t, err)
	u.t.Cleanup(func() { _ = c.Close() })
	require.NoError(u.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, text)
	require.NoError(u.t, err)
	return c
}

// eventually waits for a condition on the counters.
func (u *upstream) eventually(cond func(mock.Stats) bool) {
	u.t.Helper()
	require.Eventually(u.t, func() bool { return cond(u.Stats()) }, 5*time.Second, time.Millisecond)
}

const (
	chat       = `{"model":"gpt-4o","messages":[{"role":"user","content":"hello there"}]}`
	chatStream = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello there"}]}`
)
