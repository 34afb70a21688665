package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// hammer sends requests from n clients until stop is closed and counts answers by
// status; 0 counts requests without one.
func hammer(url string, n int, stop <-chan struct{}) func() map[int]int64 {
	var mu sync.Mutex
	count := map[int]int64{}
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				status := 0
				if res, err := client.Get(url); err == nil {
					if _, err := io.Copy(io.Discard, res.Body); err == nil {
						status = res.StatusCode
					}
					_ = res.Body.Close()
				}
				mu.Lock()
				count[status]++
				mu.Unlock()
				if status == 0 {
					return
				}
			}
		}()
	}
	return func() map[int]int64 { wg.Wait(); return count }
}

// TestReloadDropsNothing changes classes, seats and routes again and again under
// load.
func TestReloadDropsNothing(t *testing.T) {
	r := start(t, mock.Config{Latency: dist(t, "fixed:2ms")}, func(c *gateway.Config) { c.Upstreams[2].Capacity.Seats.N = 4 })
	stop := make(chan struct{})
	wait := hammer("http://"+r.addr+"/campaigns/c1", 16, stop)
	for i := range 50 {
		cfg := config(r.up)
		cfg.Upstreams[2].Capacity.Seats.N = 2 + i%5
		if i%3 == 0 {
			cfg.Classes = []gateway.ClassConfig{
				{Name: "standard", Weight: 1 + i},
				{Name: "vip", Weight: 40, Match: &routing.ClassMatch{Tier: []string{"vip"}}},
			}
		}
		require.NoError(t, r.gw.Apply(cfg))
		bad := config(r.up)
		bad.Routes[0].Upstream = "nowhere"
		require.Error(t, r.gw.Apply(bad))
		<-time.After(5 * time.Millisecond)
	}
	close(stop)
	count := wait()
	assert.NotZero(t, count[200])
	assert.Len(t, count, 1, "only 200: %v", count)
	assert.Equal(t, count[200], r.mock.Stats().Requests)
}

// TestDrainUnderLoad: after SIGTERM every accepted request is answered, new ones
// are refused, and Run returns by itself.
func TestDrainUnderLoad(t *testing.T) {
	r := start(t, mock.Config{Latency: dist(t, "fixed:20ms")}, func(c *gateway.Config) { c.Upstreams[2].Capacity.Seats.N = 4 })
	stop := make(chan struct{})
	wait := hammer("http://"+r.addr+"/campaigns/c1", 32, stop)
	slow := dial(t, r.addr)
	slow.send(get("/x/slow?first=600ms&n=1"))
	require.Eventually(t, func() bool { return r.mock.Stats().Requests > 50 }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.shutdown())
	assert.Equal(t, 200, slow.response("GET").status, "what was accepted is answered")
	close(stop)
	count := wait()
	assert.Zero(t, count[502]+count[504], "%v", count)
	assert.NotZero(t, count[503]+count[0], "new ones are refused: %v", count)
	assert.Equal(t, count[200]+1, r.mock.Stats().Requests, "answered = served")
}

// TestDrainTimeoutCutsStreams: a stream without end does not hold the process.
func TestDrainTimeoutCutsStreams(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) { c.Server.DrainTimeout = 300 * time.Millisecond })
	c := dial(t, r.addr)
	c.send(request("POST", "/v1/chat/completions", chatStream, "Content-Type: application/json", "X-Mock-Gap: 50ms", "X-Mock-Tokens: 10000"))
	assert.Equal(t, 200, c.head().status)
	assert.ErrorContains(t, r.shutdown(), "drain_timeout")
	assert.Error(t, c.closed(), "the stream is reset, not ended")
}

func TestRetryAndFallback(t *testing.T) {
	_, good := startMock(t, mock.Config{})
	var sick atomic.Int64
	bad := rawUpstream(t, func() string {
		sick.Add(1)
		return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nsick"
	})
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Upstreams[2].Endpoints = []upstream.EndpointConfig{{URL: "http://" + bad}, {URL: "http://" + good}}
		c.Upstreams[2].Retry = upstream.Retry{Attempts: 2, On: []string{"connect", "reset", "503"}, BudgetPercent: 100}
		c.Upstreams[2].Breaker.Failures = 1000
		c.Upstreams[0].Endpoints = []upstream.EndpointConfig{{URL: "http://" + bad}}
		c.Upstreams[0].Retry = upstream.Retry{Attempts: 1, On: []string{"503"}}
		c.Upstreams[0].Breaker.Failures = 1000
		c.Upstreams[0].Fallback = []string{"second"}
		c.Upstreams = append(c.Upstreams, upstream.Config{
			Name: "second", Protocol: "openai",
			Endpoints: []upstream.EndpointConfig{{URL: "http://" + good}},
		})
	})
	c := dial(t, r.addr)
	for range 20 {
		c.send(get("/x/plain"))
		assert.Equal(t, 200, c.response("GET").status)
	}
	assert.NotZero(t, sick.Load(), "the sick endpoint was asked as well")
	before := sick.Load()
	c.send(request("POST", "/v1/chat/completions", strings.Replace(chatStream, "true,\"stream_o", "false,\"x_o", 1), "Content-Type: application/json"))
	a := c.response("POST")
	assert.Equal(t, 200, a.status, a.body)
	assert.Equal(t, before+1, sick.Load(), "the fallback answered")
	assert.Contains(t, r.admin("/metrics"), "weir_retries_total{")
}

// TestBreaker: an endpoint that keeps failing is left alone.
func TestBreaker(t *testing.T) {
	var asked atomic.Int64
	bad := rawUpstream(t, func() string { asked.Add(1); return "garbage\r\n\r\n" })
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Upstreams[2].Endpoints[0].URL = "http://" + bad
		c.Upstreams[2].Retry.Attempts = 1
		c.Upstreams[2].Breaker = upstream.Breaker{Failures: 3, OpenFor: time.Hour}
	})
	c := dial(t, r.addr)
	for range 10 {
		c.send(get("/x/plain"))
		assert.Contains(t, []int{502, 503}, c.response("GET").status)
	}
	assert.EqualValues(t, 3, asked.Load())
}

// rawUpstream answers every request on a connection of its own with the bytes that
// say returns.
func rawUpstream(t *testing.T, say func() string) string {
	ln := listen(t)
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = nc.Close() }()
				b := make([]byte, 64<<10)
				for {
					if _, err := nc.Read(b); err != nil {
						return
					}
					if _, err := io.WriteString(nc, say()); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}
