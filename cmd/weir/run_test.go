package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

// weir runs the program to its end.
func weir(env []string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), args, env, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "weir.yaml")
	bad := filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("server:\n  lisen: \":1\"\n"), 0o644))
	cases := []struct {
		name       string
		args       []string
		code       int
		out, errIs string // regular expressions
	}{
		{"help", []string{"--help"}, 0, `(?s)serve.*demo|demo.*serve`, ``},
		{"no arguments", nil, 0, `Usage`, ``},
		{"version", []string{"version"}, 0, `go1\.`, ``},
		{"unknown command", []string{"serv"}, 2, ``, `did you mean serve`},
		{"unknown flag", []string{"serve", "--prot", "1"}, 2, ``, `unknown flag`},
		{"init", []string{"init", "-c", file}, 0, `wrote `, ``},
		{"init again", []string{"init", "-c", file}, 1, ``, `--force`},
		{"check", []string{"check", "-c", file}, 0, `(?s)vip.*batch`, ``},
		{"check as JSON", []string{"check", "-c", file, "--json"}, 0, `"classes"`, ``},
		{"schema", []string{"check", "--schema"}, 0, `additionalProperties`, ``},
		{"bad file", []string{"check", "-c", bad}, 2, ``, `bad\.yaml:2:3: unknown key "lisen" in server; did you mean "listen"\?`},
		{"bad file to serve", []string{"serve", "-c", bad}, 2, ``, `bad\.yaml:2:3: `},
		{"no file", []string{"serve", "-c", filepath.Join(dir, "none")}, 2, ``, `weir init`},
		{"explain", []string{"check", "-c", file, "--explain", "POST /v1/chat/completions", "-d", `{"stream":true}`}, 0, `(?s)realtime.*llm|llm.*realtime`, ``},
		{"explain as JSON", []string{"check", "-c", file, "--json", "--explain", "GET /nowhere"}, 0, `(?i)no.?route|"route"`, ``},
		{"completion", []string{"completion", "bash"}, 0, `bash completion`, ``},
		{"queue without a gateway", []string{"queue", "--once", "--admin", "127.0.0.1:1"}, 1, ``, `127\.0\.0\.1:1`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := weir(nil, tc.args...)
			assert.Equal(t, tc.code, code, errs)
			assert.Regexp(t, tc.out, out)
			assert.Regexp(t, tc.errIs, errs)
		})
	}
}

// syncBuffer may be read while the program writes.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func freeAddr(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// TestServe runs the gateway as `weir serve` does: a request passes, a changed file
// counts, a broken one does not, and the end of ctx (SIGTERM) drains.
func TestServe(t *testing.T) {
	m, err := mock.New(mock.Config{})
	require.NoError(t, err)
	up, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	mockDone := make(chan error, 1)
	go func() { mockDone <- m.Serve(up) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = m.Shutdown(ctx)
		<-mockDone
	})
	listen, admin := freeAddr(t), freeAddr(t)
	file := filepath.Join(t.TempDir(), "weir.yaml")
	write := func(route string) {
		text := fmt.Sprintf("server: {listen: %q, drain_timeout: 5s}\nadmin: {listen: %q}\n"+
			"upstreams: [{name: web, endpoints: [{url: \"http://%s\"}]}]\nroutes: [{name: r, match: {path: %q}, upstream: web}]\n"+
			"telemetry: {access_log: {path: \"off\"}}\n", listen, admin, up.Addr(), route)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	write("/x/*")
	ctx, stop := context.WithCancel(context.Background())
	var logs syncBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "-c", file}, nil, strings.NewReader(""), io.Discard, &logs)
	}()
	status := func(path string) int {
		res, err := http.Get("http://" + listen + path)
		if err != nil {
			return 0
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	eventually := func(want int, path string) {
		t.Helper()
		require.Eventually(t, func() bool { return status(path) == want }, 10*time.Second, 10*time.Millisecond, logs.String())
	}
	eventually(200, "/x/plain")
	assert.Equal(t, 404, status("/profiles/p1"))
	write("/profiles/*")
	eventually(200, "/profiles/p1")
	assert.Equal(t, 404, status("/x/plain"))
	require.NoError(t, os.WriteFile(file, []byte("routes: 7\n"), 0o644))
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), "weir.yaml:1:9") }, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, 200, status("/profiles/p1"), "the old configuration stays")
	code, out, errs := weir(nil, "queue", "--once", "--admin", admin)
	assert.Equal(t, 0, code, errs)
	assert.Contains(t, out, "batch")
	code, _, errs = weir(nil, "queue", "pause", "batch", "--admin", admin)
	assert.Equal(t, 0, code, errs)
	_, out, _ = weir(nil, "queue", "--once", "--admin", admin)
	assert.Contains(t, out, "paused")
	http.DefaultClient.CloseIdleConnections()
	stop()
	assert.Equal(t, 0, <-ended, logs.String())
	assert.Equal(t, 0, status("/profiles/p1"))
}
