package gateway_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// problem is the error body of interface.md.
type problem struct {
	Error struct {
		Message   string  `json:"message"`
		Type      string  `json:"type"`
		Code      string  `json:"code"`
		Param     *string `json:"param"`
		RequestID string  `json:"request_id"`
	} `json:"error"`
}

func (c *rawConn) problem(status int, code string) *problem {
	c.t.Helper()
	a := c.response("GET")
	assert.Equal(c.t, status, a.status, a.body)
	assert.Equal(c.t, "application/json", a.get("Content-Type"))
	var p problem
	require.NoError(c.t, json.Unmarshal([]byte(a.body), &p), a.body)
	assert.Equal(c.t, code, p.Error.Code)
	assert.NotEmpty(c.t, p.Error.Message)
	assert.NotEmpty(c.t, p.Error.Type)
	assert.NotEmpty(c.t, p.Error.RequestID)
	assert.Equal(c.t, a.get("X-Request-Id"), p.Error.RequestID)
	return &p
}

func TestMalformedRequests(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Server.Limits.HeaderBytes = 8 << 10
		c.Server.Limits.BodyBytes = 1000
	})
	const post = "POST /x/echo HTTP/1.1\r\nHost: h\r\n"
	cases := []struct {
		name, send string
		status     int
		code       string
	}{
		{"length and chunked", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "malformed_request"},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, "malformed_request"},
		{"signed length", post + "Content-Length: +5\r\n\r\nhello", 400, "malformed_request"},
		{"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "malformed_request"},
		{"0x chunk size", post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400, "malformed_request"},
		{"chunk without end", post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 400, "malformed_request"},
		{"other coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "not_implemented"},
		{"space before colon", "GET /x/plain HTTP/1.1\r\nHost : h\r\n\r\n", 400, "malformed_request"},
		{"folded field", "GET /x/plain HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, "malformed_request"},
		{"bare LF", "GET /x/plain HTTP/1.1\nHost: h\n\n", 400, "malformed_request"},
		{"no host", "GET /x/plain HTTP/1.1\r\n\r\n", 400, "malformed_request"},
		{"two hosts", "GET /x/plain HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed_request"},
		{"NUL in a value", "GET /x/plain HTTP/1.1\r\nHost: h\r\nA: \x00\r\n\r\n", 400, "malformed_request"},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400, "malformed_request"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported"},
		{"large header", "GET /x/plain HTTP/1.1\r\nHost: h\r\nA: " + strings.Repeat("x", 9000) + "\r\n\r\n", 431, "header_too_large"},
		{"many fields", "GET /x/plain HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n", 431, "header_too_large"},
		{"long target", "GET /" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "target_too_long"},
		{"large body", request("POST", "/x/echo", strings.Repeat("x", 1001)), 413, "body_too_large"},
		{"large chunked body", post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + strings.Repeat("x", 1001) + "\r\n0\r\n\r\n", 413, "body_too_large"},
		{"expectation", post + "Expect: banana\r\nContent-Length: 1\r\n\r\nx", 417, "expectation_failed"},
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "method_not_allowed"},
		{"no route", get("/nothing/here"), 404, "no_route"},
		{"unknown key", get("/x/plain", bearer("wrong")), 401, "invalid_api_key"},
		{"bad timeout", get("/x/plain", "X-Weir-Timeout: soon"), 400, "invalid_timeout"},
		{"bad claim", get("/x/plain", bearer(keyVIP), "X-Weir-Mode: sometimes"), 400, "invalid_claim"},
		{"dot segments", get("/x/../v1/models"), 400, "ambiguous_path"},
		{"same key twice", request("POST", "/v1/chat/completions", `{"model":"a","model":"b"}`, "Content-Type: application/json"), 400, "duplicate_key"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, r.addr)
			c.send(tc.send)
			c.problem(tc.status, tc.code)
		})
	}
	assert.Eventually(t, func() bool { return r.mock.Stats().InFlight == 0 }, 5*time.Second, time.Millisecond)
	for endpoint, byStatus := range r.mock.Stats().Endpoints {
		assert.Zero(t, byStatus[200], "nothing of this reached %s whole", endpoint)
	}
}

func TestAnonymousDenied(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) { c.Identity.Anonymous = identity.Anonymous{Deny: true} })
	c := dial(t, r.addr)
	c.send(get("/x/plain"))
	c.problem(401, "no_api_key")
	c.send(get("/x/plain", bearer(keyPlain)))
	assert.Equal(t, 200, c.response("GET").status, "the connection can be used again")
}

// TestErrorShapes: each protocol's clients get errors in the shape they parse.
func TestErrorShapes(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		for i := range c.Upstreams {
			c.Upstreams[i].Endpoints = []upstream.EndpointConfig{{URL: "http://127.0.0.1:1"}}
		}
	})
	c := dial(t, r.addr)
	c.send(request("POST", "/v1/messages", `{}`, "Content-Type: application/json"))
	a := c.response("POST")
	assert.Equal(t, 502, a.status)
	var shape struct {
		Type  string
		Error struct{ Type, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &shape))
	assert.Equal(t, "error", shape.Type)
	assert.NotEmpty(t, shape.Error.Message)
	c.send(request("POST", "/v1/messages", `{}`, "Content-Type: application/json", "X-Api-Key: wrong"))
	a = c.response("POST")
	assert.Equal(t, 401, a.status)
	assert.Contains(t, a.body, `{"type":"error","error":{"type":"authentication_error"`, "also before it was routed")
}

func TestSpoofedClaims(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	spoof := []string{
		"X-Weir-Tier: vip", "X-Weir-Tenant: acme", "X-Weir-Odd: 1", "X_Weir_Tier: vip", "X-Forwarded-For: 1.2.3.4",
		"X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "X_Forwarded_For: 1.2.3.4", "X-Request-Id: mine",
	}
	c.send(get("/x/echo", append(spoof, bearer(keyPlain))...))
	a := c.response("GET")
	assert.Equal(t, "standard", a.get("X-Weir-Class"))
	e := echo(t, a)
	for _, f := range e.Fields {
		assert.NotContains(t, strings.ToLower(f.Name), "weir")
		assert.NotContains(t, f.Value, "1.2.3.4")
		assert.NotContains(t, f.Name, "_")
		assert.NotEqual(t, "mine", f.Value)
	}
	assert.Empty(t, e.values("Authorization"), "the client's credential stays here")
	assert.Contains(t, r.admin("/metrics"), "weir_dropped_claims_total 2")
	c.send(get("/x/plain", "X-Weir-Tier: vip", bearer(keyVIP)))
	assert.Equal(t, "vip", c.response("GET").get("X-Weir-Class"))
	require.NoError(t, r.shutdown())
	assert.NotContains(t, r.log.String(), keyPlain)
}

// TestUpstreamFaults: what an upstream does wrong reaches the client as it is.
func TestUpstreamFaults(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Upstreams[2].Timeouts.FirstByte = 300 * time.Millisecond
		c.Upstreams[2].Retry.Attempts = 1
		c.Upstreams[2].Breaker.Failures = 1000
	})
	c := dial(t, r.addr)
	c.send(get("/x/garbage"))
	c.problem(502, "upstream_broken")
	c.send(get("/x/hang"))
	c.problem(504, "upstream_timeout")
	c.send(get("/x/plain", "X-Mock-Fail: reset"))
	c.problem(502, "upstream_broken")
	c.send(get("/x/close-early"))
	a := c.head()
	assert.Equal(t, 200, a.status)
	n := 0
	for {
		k, err := c.br.Discard(1)
		n += k
		if err != nil {
			break
		}
	}
	var length int
	_, err := fmt.Sscan(a.get("Content-Length"), &length)
	require.NoError(t, err)
	assert.Less(t, n, length, "a cut body ends as a cut connection")

	c = dial(t, r.addr)
	c.send(request("POST", "/v1/chat/completions", `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}`,
		"Content-Type: application/json", "X-Mock-Fail: cut-stream=3", "X-Mock-Tokens: 20"))
	assert.Equal(t, 200, c.head().status)
	rest := new(strings.Builder)
	for {
		b, err := c.br.ReadByte()
		if err != nil {
			break
		}
		rest.WriteByte(b)
	}
	assert.NotContains(t, rest.String(), "[DONE]")
	assert.False(t, strings.HasSuffix(rest.String(), "\r\n0\r\n\r\n"), "no clean end of the chunks")
}

// TestUpstreamErrorsPass: an error of the upstream's own is not touched.
func TestUpstreamErrorsPass(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	for _, status := range []int{400, 401, 403, 404, 409, 418, 422, 429, 500, 503} {
		path := fmt.Sprintf("/x/status/%d", status)
		direct, c := dial(t, r.up), dial(t, r.addr)
		direct.send(get(path))
		c.send(get(path))
		want, got := direct.response("GET"), c.response("GET")
		assert.Equal(t, want.line, got.line)
		assert.Equal(t, want.body, got.body)
	}
}

// TestSlowClients: slow heads and bodies are told so and cut off.
func TestSlowClients(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Server.Limits.HeaderTimeout = 200 * time.Millisecond
		c.Server.Limits.BodyTimeout = 200 * time.Millisecond
		c.Server.Limits.IdleTimeout = 200 * time.Millisecond
	})
	c := dial(t, r.addr)
	c.send("GET /x/plain HTTP/1.1\r\nHos")
	c.problem(408, "slow_client")
	c = dial(t, r.addr)
	c.send("POST /x/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc")
	c.problem(408, "slow_client")
	c = dial(t, r.addr)
	require.NoError(t, c.closed(), "an idle connection is closed")
}

// TestStaleConnections: an upstream that closes idle connections costs no request,
// POSTs included.
func TestStaleConnections(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				b := make([]byte, 4096)
				_, _ = nc.Read(b)
				_, _ = nc.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
				_ = nc.Close() // without having announced it
			}()
		}
	}()
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Upstreams[2].Endpoints[0].URL = "http://" + ln.Addr().String()
	})
	c := dial(t, r.addr)
	failed := 0
	for range 100 {
		c.send(request("POST", "/x/echo", "hello"))
		if c.response("POST").status != 200 {
			failed++
		}
		<-time.After(2 * time.Millisecond)
	}
	assert.Zero(t, failed)
}
