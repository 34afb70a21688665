package gateway_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// load is one class's part of an overload run.
type load struct {
	class  string
	weight int
	rate   float64 // requests per second offered
}

// result is what became of a class's requests.
type result struct {
	mu    sync.Mutex
	ok    int
	wait  []float64 // ms in the queue, of those served
	other map[int]int
}

func (r *result) p95() float64 {
	sort.Float64s(r.wait)
	if len(r.wait) == 0 {
		return 0
	}
	return r.wait[len(r.wait)*95/100]
}

// offer sends requests of one class at Poisson times, whatever becomes of them.
func offer(t *testing.T, client *http.Client, url, key string, l load, d time.Duration, seed uint64) *result {
	res := &result{other: map[int]int{}}
	rng := rand.New(rand.NewPCG(seed, 1))
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	next := time.Now()
	for next.Before(end) {
		if wait := time.Until(next); wait > 0 {
			<-time.After(wait)
		}
		next = next.Add(time.Duration(rng.ExpFloat64() / l.rate * float64(time.Second)))
		user := fmt.Sprintf("u%d", rng.Uint64()%5)
		wg.Add(1)
		go func() {
			defer wg.Done()
			req, err := http.NewRequest("GET", url, nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+key)
			req.Header.Set("X-Mock-Tag", l.class)
			req.Header.Set("X-Weir-User", user)
			rsp, err := client.Do(req)
			if err != nil {
				t.Errorf("class %s: %v", l.class, err)
				return
			}
			_, _ = io.Copy(io.Discard, rsp.Body)
			_ = rsp.Body.Close()
			res.mu.Lock()
			defer res.mu.Unlock()
			if rsp.StatusCode == 200 {
				var ms float64
				_, _ = fmt.Sscan(rsp.Header.Get("X-Weir-Queue-Wait"), &ms)
				res.ok++
				res.wait = append(res.wait, ms)
			} else {
				res.other[rsp.StatusCode]++
			}
		}()
	}
	wg.Wait()
	return res
}

func overloadConfig(addr string, loads []load, seats int) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.Identity = identity.Config{}
		c.Classes = nil
		for i, l := range loads {
			c.Identity.APIKeys = append(c.Identity.APIKeys, identity.APIKey{
				Name: l.class, SHA256: digest("k-" + l.class), Attributes: identity.Attributes{Tier: l.class, Tenant: l.class},
				MayAssert: []string{"user"},
			})
			cl := gateway.ClassConfig{Name: l.class, Weight: l.weight, MaxWait: 4 * time.Second, QueueLimit: 5000, Flow: "user"}
			if i < len(loads)-1 {
				cl.Match = &routing.ClassMatch{Tier: []string{l.class}}
			}
			if i == 0 {
				cl.Warp = 2 * time.Second
			}
			c.Classes = append(c.Classes, cl)
		}
		c.Upstreams = []upstream.Config{{
			Name: "web", Endpoints: []upstream.EndpointConfig{{URL: "http://" + addr}},
			Capacity: upstream.Capacity{Seats: upstream.Seats{N: seats}},
		}}
		c.Routes = []routing.RouteConfig{{Name: "all", Upstream: "web"}}
	}
}

// TestOverload offers twice what the upstream can serve in five classes. It
// compares shares of service with the configured weights, the wait of the most
// important class with that under first come, first served, and the counts of
// clients and upstream.
func TestOverload(t *testing.T) {
	const (
		seats   = 16
		service = 100 * time.Millisecond // capacity: 160 requests per second
	)
	d := 30 * time.Second
	tolerance := 0.02
	if testing.Short() {
		d, tolerance = 10*time.Second, 0.04
	}
	capacity := float64(seats) / service.Seconds()
	// VIP is inside its share and all others offer more than theirs, 2x in all.
	loads := []load{
		{"vip", 40, 0.20 * capacity},
		{"campaign", 25, 0.55 * capacity},
		{"realtime", 20, 0.50 * capacity},
		{"standard", 10, 0.40 * capacity},
		{"batch", 5, 0.35 * capacity},
	}
	mc := mock.Config{MaxConcurrent: seats, Seed: 7, Latency: dist(t, "uniform:80ms-120ms")}

	run := func(classes []load, key func(load) string) (map[string]*result, *rig) {
		r := start(t, mc, nil)
		cfg := config(r.up)
		overloadConfig(r.up, classes, seats)(&cfg)
		require.NoError(t, r.shutdown())
		r.serve(cfg)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096, MaxConnsPerHost: 0}}
		defer client.CloseIdleConnections()
		out := map[string]*result{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i, l := range loads {
			wg.Add(1)
			go func() {
				defer wg.Done()
				res := offer(t, client, "http://"+r.addr+"/campaigns/c1", key(l), l, d, uint64(i))
				mu.Lock()
				out[l.class] = res
				mu.Unlock()
			}()
		}
		wg.Wait()
		return out, r
	}

	got, r := run(loads, func(l load) string { return "k-" + l.class })
	st := r.mock.Stats()
	assert.LessOrEqual(t, st.MaxInFlight, int64(seats), "never more at the upstream than seats")
	assert.Zero(t, st.Limited, "the upstream had to refuse nothing")
	var served int64
	for _, tag := range st.Tags {
		served += int64(tag.ServiceTime)
	}
	// What the others may use is what VIP leaves, by weight.
	vip := float64(st.Tags["vip"].ServiceTime) / float64(served)
	assert.Empty(t, got["vip"].other, "VIP gets all it asks for, since that is less than its share")
	for _, l := range loads[1:] {
		want := (1 - vip) * float64(l.weight) / 60
		share := float64(st.Tags[l.class].ServiceTime) / float64(served)
		t.Logf("%-9s served %4d refused %v share %.3f want %.3f wait p95 %.0f ms", l.class, got[l.class].ok, got[l.class].other, share, want, got[l.class].p95())
		assert.InDelta(t, want, share, tolerance, "share of class %s", l.class)
	}
	for _, l := range loads {
		assert.EqualValues(t, got[l.class].ok, st.Tags[l.class].Succeeded, "client and upstream count alike for %s", l.class)
		assert.Zero(t, got[l.class].other[502], "class %s", l.class)
	}
	vipP95 := got["vip"].p95()
	require.NoError(t, r.shutdown())

	one := []load{{"everyone", 1, 0}}
	fifo, fr := run(one, func(load) string { return "k-everyone" })
	fifoP95 := fifo["vip"].p95()
	require.NoError(t, fr.shutdown())
	t.Logf("VIP wait p95: %.0f ms, %.0f ms first come, first served", vipP95, fifoP95)
	assert.Less(t, vipP95, fifoP95/10)
}

func dist(t testing.TB, s string) mock.Dist {
	t.Helper()
	d, err := mock.ParseDist(s)
	require.NoError(t, err)
	return d
}

// TestHangUpWhileQueued: a request whose client leaves is never sent upstream.
func TestHangUpWhileQueued(t *testing.T) {
	r := start(t, mock.Config{}, func(c *gateway.Config) { c.Upstreams[2].Capacity.Seats.N = 1 })
	busy := dial(t, r.addr)
	busy.send(get("/x/slow?first=1500ms&n=1", "X-Mock-Tag: busy"))
	require.Eventually(t, func() bool { return r.mock.Stats().InFlight == 1 }, 5*time.Second, time.Millisecond)
	var leaving []*rawConn
	for range 20 {
		c := dial(t, r.addr)
		c.send(get("/x/plain", "X-Mock-Tag: leaver"))
		leaving = append(leaving, c)
	}
	queued := func(n int) func() bool {
		return func() bool { return strings.Contains(r.admin("/metrics"), fmt.Sprintf("\nweir_queue_length %d\n", n)) }
	}
	require.Eventually(t, queued(20), 5*time.Second, 5*time.Millisecond)
	for _, c := range leaving {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, queued(0), 5*time.Second, 2*time.Millisecond)
	assert.Equal(t, 200, busy.response("GET").status)
	assert.Zero(t, r.mock.Stats().Tags["leaver"].Requests)
	assert.Contains(t, r.admin("/metrics"), `weir_client_disconnects_total{stage="queued"} 20`)
}

// TestHangUpInFlight: the upstream's work ends when the client leaves, before the
// first byte and in mid-stream.
func TestHangUpInFlight(t *testing.T) {
	r := start(t, mock.Config{}, nil)
	body := `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	for _, order := range [][]string{
		{"X-Mock-Latency: 20s"},
		{"X-Mock-Gap: 50ms", "X-Mock-Tokens: 1000"},
	} {
		before := r.mock.Stats().Aborted
		c := dial(t, r.addr)
		c.send(request("POST", "/v1/chat/completions", body, append(order, bearer(keyVIP), "Content-Type: application/json")...))
		if strings.Contains(order[0], "Gap") {
			assert.Equal(t, 200, c.head().status)
		}
		require.Eventually(t, func() bool { return r.mock.Stats().InFlight == 1 }, 5*time.Second, time.Millisecond)
		left := time.Now()
		require.NoError(t, c.Close())
		require.Eventually(t, func() bool { return r.mock.Stats().Aborted == before+1 }, 5*time.Second, time.Millisecond)
		t.Logf("the upstream knew after %s", time.Since(left))
	}
}
