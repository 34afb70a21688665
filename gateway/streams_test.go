package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/loadtest/mock"
)

const chatStream = `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`

// delays opens n streams at once and returns how late each event was, from the
// mock's sending to the test's reading, and the events counted.
func delays(t *testing.T, addr string, n, events int, gap time.Duration) (late []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-time.After(time.Duration(i) * gap / time.Duration(n)) // spread over one gap
			mine, err := oneStream(addr, events, gap)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			late = append(late, mine...)
		}()
	}
	wg.Wait()
	slices.Sort(late)
	return late
}

func oneStream(addr string, events int, gap time.Duration) (late []time.Duration, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, err = fmt.Fprint(c, request("POST", "/v1/chat/completions", chatStream, bearer(keyVIP), "Content-Type: application/json",
		"X-Mock-Timestamps: 1", "X-Mock-Latency: 1ms", fmt.Sprintf("X-Mock-Gap: %s", gap), fmt.Sprintf("X-Mock-Tokens: %d", events)))
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(c, 1024)
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("after %d events: %w", len(late), err)
		}
		s := strings.TrimSpace(string(line))
		if s == "data: [DONE]" {
			break
		}
		data, ok := strings.CutPrefix(s, "data: ")
		if !ok {
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return nil, err
		}
		if len(chunk.Choices) == 0 || chunk.Choices[0].Delta.Content == "" {
			continue
		}
		sent, err := strconv.ParseInt(strings.TrimSpace(chunk.Choices[0].Delta.Content), 10, 64)
		if err != nil {
			return nil, err
		}
		late = append(late, time.Duration(time.Now().UnixNano()-sent))
	}
	if len(late) != events {
		return nil, fmt.Errorf("%d events of %d", len(late), events)
	}
	return late, nil
}

// TestStreams passes many event streams at once: every event arrives, and none is
// held back for another. How much later than without Weir is printed.
func TestStreams(t *testing.T) {
	n, events, gap := 2000, 20, 500*time.Millisecond
	if testing.Short() {
		n, events, gap = 200, 8, 100*time.Millisecond
	}
	r := start(t, mock.Config{}, func(c *gateway.Config) { c.Upstreams[0].Capacity.Seats.N = n })
	direct := delays(t, r.up, n, events, gap)
	through := delays(t, r.addr, n, events, gap)
	at := func(d []time.Duration, p int) time.Duration { return d[len(d)*p/100] }
	t.Logf("%d streams: delay of an event p50 %s p99 %s direct, p50 %s p99 %s through Weir", n, at(direct, 50), at(direct, 99), at(through, 50), at(through, 99))
	assert.Len(t, through, n*events)
	if !testing.Short() { // says nothing on a busy machine
		assert.Less(t, at(through, 99)-at(direct, 99), 5*time.Millisecond, "no event is held back")
	}
	assert.EqualValues(t, 2*n*events, r.mock.Stats().TokensOut)
}

// TestStreamMemory states what a waiting stream costs the process that carries it.
func TestStreamMemory(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	// The upstream is a bare listener, whose side of a connection costs little.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var held []net.Conn
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, nc)
			mu.Unlock()
			_, _ = nc.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: a\n\r\n"))
		}
	}()
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Upstreams[0].Endpoints[0].URL = "http://" + ln.Addr().String()
		c.Upstreams[0].Capacity.Seats.N = n
	})
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := used()
	conns := make([]net.Conn, n)
	one := make([]byte, 64)
	for i := range conns {
		c, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		_, err = fmt.Fprint(c, request("POST", "/v1/chat/completions", chatStream, bearer(keyVIP), "Content-Type: application/json"))
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		_, err = c.Read(one)
		require.NoError(t, err)
		conns[i] = c
	}
	per := float64(used()-before) / float64(n) / 1024
	t.Logf("%.1f KiB per stream, both sides of the test's sockets included", per)
	assert.Less(t, per, 40.0)
	for _, c := range conns {
		_ = c.Close()
	}
	_ = ln.Close()
	mu.Lock()
	defer mu.Unlock()
	for _, c := range held {
		_ = c.Close()
	}
}
