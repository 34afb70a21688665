package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// persona is one kind of caller in the demo's traffic.
type persona struct {
	name string
	rate float64       // requests a second, on average over a wave
	call func() callup // makes the next request
}

// callup is a request to be made.
type callup struct {
	method, path string
	header       map[string]string
	body         string
}

// Bounds of the traffic: a wave lets queues fill and empty while one watches,
// and nobody has more than a fixed number of requests under way.
const (
	waveLength     = 60 * time.Second
	waveSwing      = 0.7 // the rate goes up and down by this part of itself
	maxOutstanding = 48  // of one persona
	answerTimeout  = 2 * time.Minute
)

// demoPersonas is the traffic of the demo: five classes, several tenants, answers
// in one piece and streamed, and marketing reads. Together they ask for a little
// more than the eight seats of the mock model, most at the top of a wave.
func demoPersonas() []persona {
	return []persona{
		{"vip", 1.2, func() callup {
			c := chat("demo-vip", "gpt-5", 32, coin())
			c.header["X-Weir-User"] = fmt.Sprintf("user-%d", rand.IntN(5))
			return c
		}},
		{"campaign", 1.5, func() callup {
			c := chat("demo-campaign", "gpt-4o", 48, false)
			c.header["X-Weir-Campaign"] = "spring-launch"
			return c
		}},
		{"realtime", 2, func() callup {
			c := chat("demo-app", "gpt-4o-mini", 40, true)
			c.header["X-Weir-Tenant"] = pick("initech", "hooli", "soylent")
			return c
		}},
		{"standard", 1.5, func() callup {
			c := chat("demo-app", "gpt-4o-mini", 40, false)
			c.header["X-Weir-Tenant"] = pick("initech", "hooli", "soylent", "wonka")
			return c
		}},
		{"batch", 1.5, func() callup { return chat("demo-batch", "gpt-5-nano", 64, false) }},
		{"embeddings", 0.5, func() callup {
			return callup{"POST", "/v1/embeddings", keyed("demo-batch"), `{"model":"text-embedding-3-small","input":"spring is here"}`}
		}},
		{"messages", 0.3, func() callup {
			return callup{
				"POST", "/v1/messages",
				map[string]string{"X-Api-Key": "demo-app", "Anthropic-Version": "2023-06-01"},
				`{"model":"claude-haiku-4-5","max_tokens":32,"stream":true,"messages":[{"role":"user","content":"A slogan, please."}]}`,
			}
		}},
		{"marketing", 4, func() callup {
			path := pick(
				fmt.Sprintf("/profiles/p%d", 1+rand.IntN(200)),
				fmt.Sprintf("/campaigns/c%d", 1+rand.IntN(50)),
				fmt.Sprintf("/segments/s%d/members", 1+rand.IntN(20)),
			)
			return callup{"GET", path, map[string]string{}, ""}
		}},
	}
}

func coin() bool { return rand.IntN(2) == 0 }

func pick(of ...string) string { return of[rand.IntN(len(of))] }

func keyed(key string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + key}
}

// chat makes a chat completion of at most tokens tokens.
func chat(key, model string, tokens int, stream bool) callup {
	return callup{"POST", "/v1/chat/completions", keyed(key), fmt.Sprintf(
		`{"model":%q,"stream":%t,"max_completion_tokens":%d,"messages":[{"role":"user","content":"Write a line about spring."}]}`,
		model, stream, tokens)}
}

// runTraffic calls the gateway at addr until ctx ends, then waits for its callers.
func runTraffic(ctx context.Context, addr net.Addr, personas []persona) {
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: maxOutstanding, DisableCompression: true},
		Timeout:   answerTimeout,
	}
	defer client.CloseIdleConnections()
	base := "http://" + reachable(addr)
	start := time.Now()
	var callers sync.WaitGroup
	for _, p := range personas {
		callers.Go(func() { p.run(ctx, client, base, start) })
	}
	callers.Wait()
}

// run makes the persona's requests at random times around its rate.
func (p persona) run(ctx context.Context, client *http.Client, base string, start time.Time) {
	var calls sync.WaitGroup
	defer calls.Wait()
	free := make(chan struct{}, maxOutstanding)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(p.pause(time.Since(start)))
		select {
		case free <- struct{}{}:
			calls.Go(func() {
				defer func() { <-free }()
				p.call().make(ctx, client, base)
			})
		default: // enough of them wait already
		}
	}
}

// pause is the time to the next request: exponential, so that arrivals are
// independent, with a mean that goes up and down with the wave.
func (p persona) pause(at time.Duration) time.Duration {
	wave := 1 + waveSwing*math.Sin(2*math.Pi*at.Seconds()/waveLength.Seconds())
	return time.Duration(rand.ExpFloat64() / (p.rate * wave) * float64(time.Second))
}

// make sends the request and reads the answer to its end. Refusals are part of the
// show; the metrics have them.
func (c callup) make(ctx context.Context, client *http.Client, base string) {
	req, err := http.NewRequestWithContext(ctx, c.method, base+c.path, strings.NewReader(c.body))
	if err != nil {
		return
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// reachable turns the address of a listener into one that can be dialled: a
// listener on all interfaces is reached over loopback.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// switchOn takes the comment off the lines of config that start with #NAME#,
// where has says that NAME is set.
func switchOn(config []byte, has func(name string) bool) []byte {
	lines := bytes.SplitAfter(config, []byte("\n"))
	for i, line := range lines {
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		name, rest, ok := bytes.Cut(bytes.TrimPrefix(line[indent:], []byte("#")), []byte("#"))
		if !ok || line[indent] != '#' || len(name) == 0 || bytes.ContainsAny(name, " ") || !has(string(name)) {
			continue
		}
		lines[i] = append(append([]byte{}, line[:indent]...), bytes.TrimLeft(rest, " ")...)
	}
	return bytes.Join(lines, nil)
}
