package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp, under the mock, keeps these for the life of the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// rig is a gateway in front of a mock, both real, on loopback.
type rig struct {
	t    testing.TB
	mock *mock.Server
	up   string // address of the mock
	gw   *gateway.Gateway
	addr string
	logs *observer.ObservedLogs
	log  *lockedBuffer // access log

	stop context.CancelFunc
	done chan error
}

// Keys that the rig's configuration knows.
const (
	keyVIP   = "key-vip"
	keyPlain = "key-plain"
	keyBatch = "key-batch"
)

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// startMock serves a mock until the test ends.
func startMock(t testing.TB, cfg mock.Config) (*mock.Server, string) {
	t.Helper()
	m, err := mock.New(cfg)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- m.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = m.Shutdown(ctx)
		<-served
	})
	return m, ln.Addr().String()
}

// config is a configuration with an LLM upstream and a plain one, both at addr.
func config(addr string) gateway.Config {
	var cfg gateway.Config
	all := []string{"user", "campaign", "business", "mode", "tier", "tenant"}
	cfg.Identity = identity.Config{
		APIKeys: []identity.APIKey{
			{Name: "crm", SHA256: digest(keyVIP), Attributes: identity.Attributes{Tenant: "acme", Tier: "vip"}, MayAssert: all},
			{Name: "app", SHA256: digest(keyPlain), Attributes: identity.Attributes{Tenant: "globex", Tier: "standard"}},
			{Name: "jobs", SHA256: digest(keyBatch), Attributes: identity.Attributes{Tenant: "initech", Mode: "batch"}},
		},
		Anonymous: identity.Anonymous{Attributes: identity.Attributes{Tenant: "public", Tier: "standard"}},
	}
	seats := upstream.Capacity{Seats: upstream.Seats{N: 64}}
	cfg.Upstreams = []upstream.Config{
		{Name: "llm", Protocol: "openai", Endpoints: []upstream.EndpointConfig{{URL: "http://" + addr}}, Capacity: seats},
		{Name: "claude", Protocol: "anthropic", Endpoints: []upstream.EndpointConfig{{URL: "http://" + addr}}, Capacity: seats},
		{Name: "web", Protocol: "http", Endpoints: []upstream.EndpointConfig{{URL: "http://" + addr}}, Capacity: seats},
	}
	cfg.Routes = []routing.RouteConfig{
		{Name: "messages", Match: routing.RouteMatch{Path: []string{"/v1/messages", "/v1/messages/*"}}, Upstream: "claude"},
		{Name: "llm", Match: routing.RouteMatch{Path: []string{"/v1/*"}}, Upstream: "llm"},
		{Name: "web", Match: routing.RouteMatch{Path: []string{"/x/*", "/profiles/*", "/assets/*", "/campaigns/*"}}, Upstream: "web"},
	}
	cfg.Server.DrainTimeout = 5 * time.Second
	return cfg
}

// start runs a gateway in front of a mock. edit may change the configuration.
func start(t testing.TB, mc mock.Config, edit func(*gateway.Config)) *rig {
	t.Helper()
	r := &rig{t: t, log: &lockedBuffer{}}
	r.mock, r.up = startMock(t, mc)
	cfg := config(r.up)
	if edit != nil {
		edit(&cfg)
	}
	r.serve(cfg)
	return r
}

func (r *rig) serve(cfg gateway.Config) {
	core, logs := observer.New(zap.DebugLevel)
	r.logs = logs
	r.serveWith(cfg, gateway.Deps{Logger: zap.New(core), Version: "test", AccessLog: r.log})
}

func (r *rig) serveWith(cfg gateway.Config, deps gateway.Deps) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	adminLn, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(r.t, err)
	deps.Listener, deps.Admin = ln, adminLn
	r.gw, err = gateway.New(cfg, deps)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.gw.Run(ctx) }()
	<-r.gw.Ready()
	r.addr = r.gw.Addr().String()
	r.t.Cleanup(func() { _ = r.shutdown() })
}

// shutdown drains the gateway, once, and returns what Run returned.
func (r *rig) shutdown() error {
	r.stop()
	err, open := <-r.done
	if open {
		close(r.done)
	}
	return err
}

// admin gets a page of the admin listener.
func (r *rig) admin(path string) string {
	r.t.Helper()
	res, err := http.Get("http://" + r.gw.AdminAddr().String() + path)
	require.NoError(r.t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return string(b)
}

// lockedBuffer is a writer that a test may read while others write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rawConn speaks HTTP by hand.
type rawConn struct {
	t testing.TB
	net.Conn
	br *bufio.Reader
}

func dial(t testing.TB, addr string) *rawConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	t.Cleanup(func() { _ = c.Close() })
	return &rawConn{t: t, Conn: c, br: bufio.NewReader(c)}
}

func (c *rawConn) send(s string) {
	c.t.Helper()
	_, err := io.WriteString(c.Conn, s)
	require.NoError(c.t, err)
}

// answer is a response as it stood on the wire.
type answer struct {
	line   string
	status int
	fields []string // lines, in order
	header textproto.MIMEHeader
	body   string
	trail  []string
}

func (a *answer) get(name string) string { return a.header.Get(name) }

// head reads a status line and a header block.
func (c *rawConn) head() *answer {
	c.t.Helper()
	a := &answer{header: textproto.MIMEHeader{}}
	a.line = c.line()
	require.Greater(c.t, len(a.line), 11, "status line %q", a.line)
	var err error
	a.status, err = strconv.Atoi(a.line[9:12])
	require.NoError(c.t, err)
	a.fields = c.block()
	for _, f := range a.fields {
		k, v, ok := strings.Cut(f, ":")
		require.True(c.t, ok, "field line %q", f)
		a.header.Add(k, strings.TrimSpace(v))
	}
	return a
}

func (c *rawConn) line() string {
	c.t.Helper()
	l, err := c.br.ReadString('\n')
	require.NoError(c.t, err)
	return strings.TrimSuffix(l, "\r\n")
}

func (c *rawConn) block() (lines []string) {
	for {
		l := c.line()
		if l == "" {
			return lines
		}
		lines = append(lines, l)
	}
}

// response reads a final response with its body.
func (c *rawConn) response(method string) *answer {
	c.t.Helper()
	a := c.head()
	for a.status < 200 && a.status != 101 {
		a = c.head()
	}
	switch {
	case method == "HEAD" || a.status == 204 || a.status == 304 || a.status == 101:
	case a.get("Transfer-Encoding") == "chunked":
		a.body, a.trail = c.chunked()
	case a.get("Content-Length") != "":
		n, err := strconv.Atoi(a.get("Content-Length"))
		require.NoError(c.t, err)
		b := make([]byte, n)
		_, err = io.ReadFull(c.br, b)
		require.NoError(c.t, err)
		a.body = string(b)
	default:
		b, err := io.ReadAll(c.br)
		require.NoError(c.t, err)
		a.body = string(b)
	}
	return a
}

func (c *rawConn) chunked() (body string, trailer []string) {
	var b strings.Builder
	for {
		n, err := strconv.ParseInt(c.line(), 16, 64)
		require.NoError(c.t, err)
		if n == 0 {
			return b.String(), c.block()
		}
		_, err = io.CopyN(&b, c.br, n)
		require.NoError(c.t, err)
		require.Empty(c.t, c.line())
	}
}

// closed waits for the other side to end the connection.
func (c *rawConn) closed() error {
	_, err := io.Copy(io.Discard, c.br)
	return err
}

func get(path string, fields ...string) string {
	return request("GET", path, "", fields...)
}

func request(method, path, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: weir.test\r\n", method, path)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

func bearer(key string) string { return "Authorization: Bearer " + key }

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}
