package http1_test

import (
	"strings"
	"testing"

	"github.com/weir-gateway/weir/gateway/http1"
)

// What an SDK sends: 10 fields, about 600 bytes.
const sdkRequest = "POST /v1/chat/completions?stream=true HTTP/1.1\r\n" +
	"Host: gateway.example.com:8443\r\n" +
	"Accept: application/json\r\n" +
	"Content-Type: application/json\r\n" +
	"User-Agent: OpenAI/Python 1.54.4 (CPython 3.12.3; Linux x86_64) httpx/0.27.2\r\n" +
	"Authorization: Bearer sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"X-Stainless-Runtime-Version: 3.12.3\r\n" +
	"X-Request-Context: campaign=spring-sale-2031; line=newsletter; batch=000817; part=0042; origin=crm-export-nightly\r\n" +
	"Content-Length: 4096\r\n" +
	"Connection: keep-alive\r\n\r\n"

const apiResponse = "HTTP/1.1 200 OK\r\n" +
	"Date: Sat, 01 Mar 2031 10:20:30 GMT\r\n" +
	"Content-Type: application/json\r\n" +
	"Content-Length: 1024\r\n" +
	"Connection: keep-alive\r\n" +
	"OpenAI-Processing-MS: 412\r\n" +
	"X-RateLimit-Remaining-Requests: 9999\r\n" +
	"X-RateLimit-Remaining-Tokens: 1999870\r\n" +
	"Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n" +
	"Set-Cookie: __cf_bm=0123456789abcdefghijklmnopqrstuvwxyz; path=/; expires=Sat, 01-Mar-31 10:50:30 GMT; HttpOnly; Secure\r\n" +
	"Server: cloudflare\r\n\r\n"

var chunkedBody = func() []byte {
	var b []byte
	for range 64 {
		b = http1.AppendChunk(b, []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}`+"\n\n"))
	}
	return http1.AppendLastChunk(b, nil)
}()

// hotPaths are the steps of every request; none may allocate once warm.
var hotPaths = []struct {
	name  string
	bytes int
	step  func() func()
}{
	{"ParseRequest", len(sdkRequest), func() func() {
		var r http1.Request
		in := []byte(sdkRequest)
		return func() {
			r.Reset()
			if n, err := r.Parse(in, limits); n != len(in) || err != nil {
				panic(err)
			}
		}
	}},
	{"ParseResponse", len(apiResponse), func() func() {
		var r http1.Response
		in := []byte(apiResponse)
		return func() {
			r.Reset()
			if n, err := r.Parse(in, limits); n != len(in) || err != nil {
				panic(err)
			}
		}
	}},
	{"ParseRequestInPieces", len(sdkRequest), func() func() {
		var r http1.Request
		in := []byte(sdkRequest)
		return func() {
			r.Reset()
			for end := 64; end < len(in); end += 64 {
				if n, err := r.Parse(in[:end], limits); n != 0 || err != nil {
					panic(err)
				}
			}
			if n, err := r.Parse(in, limits); n != len(in) || err != nil {
				panic(err)
			}
		}
	}},
	{"ForwardFields", len(sdkRequest), func() func() {
		var r http1.Request
		in := []byte(sdkRequest)
		if _, err := r.Parse(in, limits); err != nil {
			panic(err)
		}
		r.DropHopByHop()
		r.DropAliases()
		r.Drop(http1.Authorization)
		dst := make([]byte, 0, 1024)
		return func() {
			r.DropHopByHop()
			r.DropAliases()
			dst = r.AppendFields(dst[:0])
		}
	}},
	{"AppendFields", len(sdkRequest), func() func() {
		var r http1.Request
		if _, err := r.Parse([]byte(sdkRequest), limits); err != nil {
			panic(err)
		}
		dst := make([]byte, 0, 1024)
		return func() { dst = r.AppendFields(dst[:0]) }
	}},
	{"ReadChunks", len(chunkedBody), func() func() {
		var c http1.ChunkReader
		return func() {
			c.Reset()
			for rest := chunkedBody; !c.Done(); {
				_, n, err := c.Next(rest)
				if err != nil {
					panic(err)
				}
				rest = rest[n:]
			}
		}
	}},
	{"ReadTrailer", 0, func() func() {
		var c http1.ChunkReader
		in := []byte("0\r\nX-Checksum: 0123456789abcdef\r\n\r\n")
		return func() {
			c.Reset()
			if _, _, err := c.Next(in); err != nil || !c.Done() {
				panic(err)
			}
		}
	}},
	{"AppendChunk", 0, func() func() {
		data, dst := make([]byte, 200), make([]byte, 0, 1024)
		return func() { dst = http1.AppendChunk(dst[:0], data) }
	}},
	{"ConnectionAttack", 0, func() func() {
		var r http1.Request
		in := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("a: b\r\n", 254) +
			"Connection: " + strings.Repeat("b,", 30_000) + "\r\n\r\n")
		lim := http1.Limits{HeaderBytes: 64 << 10, Fields: 256, TargetBytes: 1024}
		return func() {
			r.Reset()
			if n, err := r.Parse(in, lim); err == nil && n > 0 {
				r.DropHopByHop()
			}
		}
	}},
}

func BenchmarkHotPaths(b *testing.B) {
	for _, p := range hotPaths {
		b.Run(p.name, func(b *testing.B) {
			step := p.step()
			b.SetBytes(int64(p.bytes))
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
