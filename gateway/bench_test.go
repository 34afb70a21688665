package gateway_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
)

// bareUpstream answers every request of a known length with the same bytes and
// allocates nothing, so that a benchmark counts the gateway alone.
func bareUpstream(t testing.TB, answer string) string {
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
				out := []byte(answer)
				end := []byte("\r\n\r\n")
				for n := 0; ; {
					k, err := nc.Read(b[n:])
					if err != nil {
						return
					}
					n += k
					if i := bytes.Index(b[:n], end); i < 0 || (b[0] == 'P' && n < i+4+4096) {
						continue
					}
					n = 0
					if _, err := nc.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// exchangeBench sends one request after another on one connection, through the
// whole pipeline: identity, queue, upstream, metrics and access log.
func exchangeBench(b *testing.B, send, answer string) {
	up := bareUpstream(b, answer)
	r := &rig{t: b, log: &lockedBuffer{}, up: up}
	cfg := config(up)
	cfg.Telemetry.AccessLog.Path = "off"
	r.serveWith(cfg, gateway.Deps{AccessLog: io.Discard})
	nc, err := net.Dial("tcp", r.addr)
	require.NoError(b, err)
	defer func() { _ = nc.Close() }()
	out, in := []byte(send), make([]byte, 64<<10)
	body := len(answer) - strings.Index(answer, "\r\n\r\n")
	once := func() {
		if _, err := nc.Write(out); err != nil {
			b.Fatal(err)
		}
		for n := 0; ; {
			k, err := nc.Read(in[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += k
			if i := bytes.Index(in[:n], []byte("\r\n\r\n")); i >= 0 && n-i >= body {
				break
			}
		}
	}
	for range 100 {
		once()
	}
	require.Contains(b, string(in[:15]), "200")
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		once()
	}
}

const answer1K = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Tue, 24 Nov 2026 00:00:00 GMT\r\nContent-Length: 1024\r\n\r\n"

func BenchmarkProxy(b *testing.B) {
	fields := []string{bearer(keyVIP), "User-Agent: bench/1.0", "Accept: application/json", "Accept-Encoding: gzip", "X-Weir-User: u1"}
	b.Run("get=1KiB", func(b *testing.B) {
		exchangeBench(b, get("/x/plain", fields...), answer1K+strings.Repeat("x", 1024))
	})
	b.Run("post=4KiB", func(b *testing.B) {
		const open, end = `{"model":"gpt-4o","messages":[{"role":"user","content":"`, `"}]}`
		body := open + strings.Repeat("a", 4096-len(open)-len(end)) + end
		require.Len(b, body, 4096)
		exchangeBench(b, request("POST", "/v1/chat/completions", body, append(fields, "Content-Type: application/json")...),
			answer1K+strings.Repeat("x", 1024))
	})
}
