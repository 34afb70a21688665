package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// echoed is what the mock's /x/echo saw of a request.
type echoed struct {
	Method   string  `json:"method"`
	Target   string  `json:"target"`
	Proto    string  `json:"proto"`
	Fields   []field `json:"headers"`
	Length   int64   `json:"body_length"`
	SHA256   string  `json:"body_sha256"`
	Trailers []field `json:"trailers"`
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (e *echoed) names() (n []string) {
	for _, f := range e.Fields {
		n = append(n, f.Name)
	}
	return n
}

func (e *echoed) values(name string) (v []string) {
	for _, f := range e.Fields {
		if strings.EqualFold(f.Name, name) {
			v = append(v, f.Value)
		}
	}
	return v
}

func echo(t *testing.T, a *answer) *echoed {
	t.Helper()
	require.Equal(t, 200, a.status, a.body)
	var e echoed
	require.NoError(t, json.Unmarshal([]byte(a.body), &e))
	return &e
}

func TestRequestPassesAsSent(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	c.send("GET /x/echo?a=%2Fb;p&&q=1&q=%20// HTTP/1.1\r\nx-first: 1\r\nHost: shop.example:81\r\nX-RePeat:  one\r\n" +
		"Accept: */*\r\nX-Repeat: two\r\nCookie: a=b\r\nConnection: keep-alive, X-Hop\r\nX-Hop: secret\r\nKeep-Alive: 5\r\n\r\n")
	e := echo(t, c.response("GET"))
	assert.Equal(t, "GET", e.Method)
	assert.Equal(t, "/x/echo?a=%2Fb;p&&q=1&q=%20//", e.Target)
	var kept []string
	for _, n := range e.names() {
		switch strings.ToLower(n) {
		case "x-request-id", "via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded":
		default:
			kept = append(kept, n)
		}
	}
	assert.Equal(t, []string{"x-first", "Host", "X-RePeat", "Accept", "X-Repeat", "Cookie"}, kept)
	assert.Equal(t, []string{"one", "two"}, e.values("x-repeat"))
	assert.Equal(t, []string{"shop.example:81"}, e.values("Host"))
	assert.Equal(t, []string{"1.1 weir"}, e.values("Via"))
	assert.Equal(t, []string{"127.0.0.1"}, e.values("X-Forwarded-For"))
	assert.Equal(t, []string{"http"}, e.values("X-Forwarded-Proto"))
	assert.Equal(t, []string{"shop.example:81"}, e.values("X-Forwarded-Host"))
	assert.Len(t, e.values("Forwarded"), 1)
	assert.Len(t, e.values("X-Request-Id"), 1)
}

func TestResponsePassesAsSent(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	direct := dial(t, r.up)
	direct.send(get("/x/repeat-headers"))
	want := direct.response("GET")
	c := dial(t, r.addr)
	c.send(get("/x/repeat-headers"))
	got := c.response("GET")
	assert.Equal(t, want.line, got.line)
	assert.Equal(t, want.body, got.body)
	own := map[string]bool{
		"via": true, "x-request-id": true, "x-weir-class": true, "x-weir-queue-wait": true,
		"server-timing": true, "connection": true, "date": true,
	}
	strip := func(fields []string) (kept []string) {
		for _, f := range fields {
			name, _, _ := strings.Cut(f, ":")
			if !own[strings.ToLower(name)] {
				kept = append(kept, f)
			}
		}
		return kept
	}
	assert.Equal(t, strip(want.fields), strip(got.fields))
	assert.Equal(t, "standard", got.get("X-Weir-Class"))
}

func TestBodies(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) { c.Server.Limits.BodyBytes = 64 << 20 })
	for _, size := range []int{1, 1000, 16 << 10, 100 << 10, 5 << 20} {
		body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		sum := sha256.Sum256([]byte(body))
		t.Run(fmt.Sprintf("length/%d", size), func(t *testing.T) {
			c := dial(t, r.addr)
			for range 2 { // the connection stays usable
				c.send(request("POST", "/x/echo", body))
				e := echo(t, c.response("POST"))
				assert.EqualValues(t, size, e.Length)
				assert.Equal(t, hex.EncodeToString(sum[:]), e.SHA256)
			}
		})
		t.Run(fmt.Sprintf("chunked/%d", size), func(t *testing.T) {
			c := dial(t, r.addr)
			for range 2 {
				c.send("POST /x/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
				for rest := body; rest != ""; {
					n := min(len(rest), 7001)
					c.send(fmt.Sprintf("%x;ext=1\r\n%s\r\n", n, rest[:n]))
					rest = rest[n:]
				}
				c.send("0\r\nX-Sum: 42\r\n\r\n")
				e := echo(t, c.response("POST"))
				assert.EqualValues(t, size, e.Length)
				assert.Equal(t, hex.EncodeToString(sum[:]), e.SHA256)
				assert.Equal(t, []string{"chunked"}, e.values("Transfer-Encoding"))
			}
		})
	}
}

func TestLargeAnswer(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	direct := dial(t, r.up)
	for range 2 {
		c.send(get("/assets/3000000"))
		direct.send(get("/assets/3000000"))
		assert.Equal(t, direct.response("GET").body, c.response("GET").body)
	}
	c.send(get("/assets/3000000", "Range: bytes=100-199"))
	a := c.response("GET")
	assert.Equal(t, 206, a.status)
	assert.Len(t, a.body, 100)
	assert.NotEmpty(t, a.get("Content-Range"))
	c.send(request("HEAD", "/assets/3000000", ""))
	a = c.response("HEAD")
	assert.Equal(t, "3000000", a.get("Content-Length"))
	c.send(get("/profiles/p7"))
	assert.Equal(t, 200, c.response("GET").status, "the connection is in step after HEAD")
}

func TestInformationalAndTrailers(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	c.send(get("/x/early-hints"))
	a := c.head()
	assert.Equal(t, 103, a.status)
	assert.NotEmpty(t, a.get("Link"))
	assert.Equal(t, 200, c.response("GET").status)
	c.send(get("/x/trailers", "TE: trailers"))
	a = c.response("GET")
	assert.Equal(t, 200, a.status)
	assert.NotEmpty(t, a.trail)
	c.send(get("/x/no-length"))
	a = c.response("GET")
	assert.Equal(t, "chunked", a.get("Transfer-Encoding"), "a body that ends with the connection becomes chunked")
	assert.NotEmpty(t, a.body)
	c.send(get("/x/status/204"))
	assert.Equal(t, 204, c.response("GET").status)
}

func TestExpectContinue(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	body := strings.Repeat("x", 100<<10)
	for _, path := range []string{"/x/continue", "/x/echo"} {
		c := dial(t, r.addr)
		c.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", path, len(body)))
		a := c.head()
		require.Equal(t, 100, a.status, path)
		c.send(body)
		assert.Equal(t, 200, c.response("POST").status, path)
	}
	c := dial(t, r.addr)
	c.send("POST /nowhere HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
	assert.Equal(t, 404, c.head().status, "a refusal comes before the body")
}

// TestCallerRequestID: a trusted caller's id is the one in every place, also when
// the request's memory was given back in mid-stream.
func TestCallerRequestID(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Identity.APIKeys[0].MayAssert = []string{"request_id"}
		c.Identity.TrustedProxies = []string{"127.0.0.0/8"}
	})
	c := dial(t, r.addr)
	c.send(request("POST", "/v1/chat/completions", chatStream, bearer(keyVIP), "Content-Type: application/json",
		"X-Request-Id: caller-7", "X-Forwarded-For: 203.0.113.9", "X-Mock-Gap: 5ms", "X-Mock-Tokens: 5"))
	assert.Equal(t, "caller-7", c.response("POST").get("X-Request-Id"))
	c.send(get("/x/echo", bearer(keyVIP), "X-Request-Id: caller-8", "TE: trailers"))
	e := echo(t, c.response("GET"))
	assert.Equal(t, []string{"caller-8"}, e.values("X-Request-Id"))
	assert.Equal(t, []string{"trailers"}, e.values("TE"))
	require.NoError(t, r.shutdown())
	assert.Contains(t, r.log.String(), `"request_id":"caller-7"`)
	assert.Contains(t, r.log.String(), `"remote":"203.0.113.9"`, "the client behind a trusted proxy")
}

func TestHTTP10Client(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	c.send("GET /x/plain?size=100 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	a := c.response("GET")
	assert.Equal(t, "keep-alive", a.get("Connection"))
	assert.Len(t, a.body, 100)
	c.send("GET /x/trailers HTTP/1.0\r\n\r\n")
	a = c.response("GET")
	assert.Empty(t, a.get("Transfer-Encoding"))
	assert.NotEmpty(t, a.body)
}

func TestWebSocketAndUpgrade(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	c.send(get("/x/upgrade", "Connection: Upgrade", "Upgrade: raw-echo"))
	a := c.response("GET")
	require.Equal(t, 101, a.status)
	assert.Equal(t, "Upgrade", a.get("Connection"))
	for i := range 3 {
		msg := fmt.Sprintf("ping %d", i)
		c.send(msg)
		b := make([]byte, len(msg))
		_, err := io.ReadFull(c.br, b)
		require.NoError(t, err)
		assert.Equal(t, msg, string(b))
	}
	require.NoError(t, c.Close())
	assert.Eventually(t, func() bool { return r.mock.Stats().InFlight == 0 }, 5*time.Second, 5*time.Millisecond)
}

func TestPipelinedRequests(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	c := dial(t, r.addr)
	var b strings.Builder
	for i := range 20 {
		b.WriteString(request("POST", fmt.Sprintf("/x/echo?n=%d", i), strings.Repeat("b", 1+i*100)))
	}
	c.send(b.String())
	for i := range 20 {
		e := echo(t, c.response("POST"))
		assert.Equal(t, fmt.Sprintf("/x/echo?n=%d", i), e.Target)
		assert.EqualValues(t, 1+i*100, e.Length)
	}
}
