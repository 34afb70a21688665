package routing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
)

func hundredRoutes(t testing.TB) *routing.Routes {
	var cfg []routing.RouteConfig
	for i := range 99 {
		c := onPath(fmt.Sprint(i), fmt.Sprintf("/svc%d/v1/*", i))
		if i%3 == 0 {
			c.Match.Host = routing.StringList{fmt.Sprintf("h%d.example.com", i)}
		}
		cfg = append(cfg, c)
	}
	return compile(t, append(cfg, onPath("llm", "/v1/*"))...)
}

var (
	get  = []byte("GET")
	host = []byte("h98.example.com:8080")
)

func BenchmarkMatch(b *testing.B) {
	r := hundredRoutes(b)
	for name, path := range map[string]string{
		"last":     "/v1/chat/completions",
		"none":     "/nothing/of/the/kind",
		"dot":      "/v1/chat/../completions",
		"long":     "/v1/" + strings.Repeat("segment/", 30),
		"ordinary": "/svc97/v1/profiles/12345",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := []byte(path)
			for b.Loop() {
				r.Match(get, host, p)
			}
		})
	}
}

func BenchmarkClassify(b *testing.B) {
	c := classes(b)
	a := identity.Attributes{Tenant: "acme", Tier: "gold", Mode: "interactive"}
	b.ReportAllocs()
	for b.Loop() {
		c.Classify(&a, 5_000_000, true, "llm")
	}
}

func BenchmarkFlowKey(b *testing.B) {
	c := classes(b)
	a := identity.Attributes{Tenant: "acme", User: "u-123456"}
	var buf [64]byte
	b.ReportAllocs()
	for b.Loop() {
		c.FlowKey(buf[:0], 0, &a, "crm")
	}
}

// chat returns a request of about n bytes, keys last, as a list of messages with
// the escapes that prose has; escaped one that quotes every other word; numbers one
// with a list of tokens.
func chat(n int) []byte {
	return messages(n, "when it was over, the quick brown fox, who had not been asked,\\nsaid \\\"hello\\\" to the lazy dog. ")
}

func escaped(n int) []byte { return messages(n, "the quick brown fox said \\\"hello\\\"\\n") }

func messages(n int, text string) []byte {
	message := `{"role":"user","content":"` + strings.Repeat(text, 10) + `"},`
	var s strings.Builder
	s.WriteString(`{"messages":[`)
	for s.Len() < n {
		s.WriteString(message)
	}
	return []byte(strings.TrimSuffix(s.String(), ",") + `],"temperature":0.7,"max_tokens":512,"stream":true,"model":"gpt-5"}`)
}

func numbers(n int) []byte {
	return []byte(`{"input":[` + strings.TrimSuffix(strings.Repeat("1234,", n/5), ",") + `],"model":"embed"}`)
}

func BenchmarkScanBody(b *testing.B) {
	for name, body := range map[string][]byte{
		"chat4K": chat(4 << 10), "chat64K": chat(64 << 10), "escaped64K": escaped(64 << 10), "numbers64K": numbers(64 << 10),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				routing.ScanBody(body, true)
			}
		})
	}
}

func TestNothingIsAllocated(t *testing.T) {
	r, c, body := hundredRoutes(t), classes(t), chat(4<<10)
	a := identity.Attributes{Tenant: "acme", User: "u"}
	var buf [64]byte
	for name, f := range map[string]func(){
		"match":     func() { r.Match(get, host, []byte("/v1/chat")) },
		"match dot": func() { r.Match(get, host, []byte("/v1/a/../b")) },
		"classify":  func() { c.Classify(&a, 1, true, "llm") },
		"flow":      func() { c.FlowKey(buf[:0], 0, &a, "crm") },
		"body":      func() { _, err := routing.ScanBody(body, true); require.NoError(t, err) },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}
