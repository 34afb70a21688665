package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// operator calls the admin listener.
func operator(t *testing.T, r *rig, method, path string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+r.gw.AdminAddr().String()+path, strings.NewReader(""))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}

func TestAdmin(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	defer http.DefaultClient.CloseIdleConnections()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/api/v1/queues", "/api/v1/upstreams", "/api/v1/openapi.json", "/"} {
		status, _ := operator(t, r, "GET", path)
		assert.Equal(t, 200, status, path)
	}
	status, _ := operator(t, r, "GET", "/nowhere")
	assert.Equal(t, 404, status)
	status, _ = operator(t, r, "GET", "/api/v1/queues", "Host", "evil.example")
	assert.Equal(t, 403, status, "a name that is not this machine's")

	const pause = "/api/v1/queues/web/batch:pause"
	status, _ = operator(t, r, "POST", pause)
	assert.GreaterOrEqual(t, status, 400, "a page in a browser could send this")
	status, body := operator(t, r, "POST", pause, "Content-Type", "application/json")
	assert.Less(t, status, 300, body)
	_, body = operator(t, r, "GET", "/api/v1/queues")
	var queues any
	require.NoError(t, json.Unmarshal([]byte(body), &queues))
	assert.Contains(t, body, `"paused"`)
	status, _ = operator(t, r, "POST", "/api/v1/queues/web/nobody:pause", "Content-Type", "application/json")
	assert.Equal(t, 404, status)
	status, body = operator(t, r, "POST", "/api/v1/queues/web/batch:boost?weight=50&for=10m", "Content-Type", "application/json")
	assert.Less(t, status, 300, body)
	_, body = operator(t, r, "GET", "/api/v1/queues")
	assert.Contains(t, body, `"boost_until"`)
	status, _ = operator(t, r, "POST", "/api/v1/reload", "Content-Type", "application/json")
	assert.GreaterOrEqual(t, status, 400, "there is no file to reload")
}

func TestAdminTokens(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Admin.Tokens = []gateway.AdminToken{
			{Name: "ops", SHA256: digest("ops-token"), Role: "admin"},
			{Name: "grafana", SHA256: digest("view-token"), Role: "viewer"},
		}
	})
	defer http.DefaultClient.CloseIdleConnections()
	const pause = "/api/v1/queues/web/batch:pause"
	for _, tc := range []struct {
		method, path, token string
		ok                  bool
	}{
		{"GET", "/healthz", "", true},
		{"GET", "/readyz", "", true},
		{"GET", "/metrics", "", false},
		{"GET", "/metrics", "view-token", true},
		{"GET", "/api/v1/queues", "view-token", true},
		{"POST", pause, "view-token", false},
		{"POST", pause, "ops-token", true},
		{"POST", pause, "wrong", false},
	} {
		header := []string{"Content-Type", "application/json"}
		if tc.token != "" {
			header = append(header, "Authorization", "Bearer "+tc.token)
		}
		status, body := operator(t, r, tc.method, tc.path, header...)
		assert.Equal(t, tc.ok, status < 300, "%s %s with %q: %d %s", tc.method, tc.path, tc.token, status, body)
	}
}
