package mock_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

// benchRequest sends one raw request over and over, on several connections, and reads answers up to end.
func benchRequest(b *testing.B, request, end string) {
	u := start(b, mock.Config{OutputTokens: mock.FixedCount(50)})
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	begin, cpu := time.Now(), cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", u.addr)
		if !assert.NoError(b, err) {
			return
		}
		defer c.Close()
		buf := make([]byte, 64<<10)
		for pb.Next() {
			if _, err := io.WriteString(c, request); !assert.NoError(b, err) {
				return
			}
			for n := 0; !bytes.HasSuffix(buf[:n], []byte(end)); {
				m, err := c.Read(buf[n:])
				if !assert.NoError(b, err) {
					return
				}
				n += m
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "req/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op") // client and server together
}

// cpuTime is the processor time of this process, which another one's load does not change.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPlain(b *testing.B) {
	benchRequest(b, "GET /x/plain?size=16 HTTP/1.1\r\nHost: m\r\n\r\n", firstFiller(b))
}

// firstFiller is the body of the request above.
func firstFiller(b *testing.B) string {
	u := start(b, mock.Config{})
	return "\r\n\r\n" + u.send("GET", "/x/plain?size=16", "").body
}

func BenchmarkChat(b *testing.B) {
	benchRequest(b, post("/v1/chat/completions", chat), `"system_fingerprint":"fp_weirmock"}`)
}

func BenchmarkStream(b *testing.B) {
	benchRequest(b, post("/v1/chat/completions", chatStream), "data: [DONE]\n\n\r\n0\r\n\r\n")
}

// BenchmarkOpenStreams reports the memory of 2,000 streams that wait for their next event, of which the
// test's own ends of the connections hold no buffers.
func BenchmarkOpenStreams(b *testing.B) {
	const streams = 2000
	for b.Loop() {
		u := start(b, mock.Config{})
		before := memory()
		conns := make([]net.Conn, streams)
		for i := range conns {
			c, err := net.Dial("tcp", u.addr)
			require.NoError(b, err)
			_, err = io.WriteString(c, post("/v1/chat/completions", chatStream, "X-Mock-Gap: 1h"))
			require.NoError(b, err)
			conns[i] = c
		}
		u.eventually(func(s mock.Stats) bool { return s.InFlight == streams })
		b.ReportMetric(float64(memory()-before)/streams/1024, "KiB/stream")
		for _, c := range conns {
			require.NoError(b, c.Close())
		}
		u.eventually(func(s mock.Stats) bool { return s.Aborted == streams })
	}
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestManyStreams keeps 200 streams on time while they run together.
func TestManyStreams(t *testing.T) {
	const streams, tokens = 200, 10
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(tokens), Gap: mock.FixedDuration(10 * time.Millisecond)})
	done := make(chan int, streams)
	begin := time.Now()
	for range streams {
		c := u.raw(post("/v1/chat/completions", chatStream, "Connection: close"))
		go func() {
			n := 0
			for sc := bufio.NewScanner(c); sc.Scan(); {
				if strings.Contains(sc.Text(), `"delta":{"content":"`) {
					n++
				}
			}
			done <- n
		}()
	}
	for range streams {
		assert.Equal(t, tokens, <-done)
	}
	assert.GreaterOrEqual(t, time.Since(begin), (tokens-1)*10*time.Millisecond)
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 0 })
	st := u.Stats()
	assert.EqualValues(t, streams*tokens, st.TokensOut)
	assert.Zero(t, st.Aborted)
	assert.LessOrEqual(t, st.MaxInFlight, int64(streams))
}

// TestPlainIsCheap keeps the path that benchmarks measure free of needless allocations.
func TestPlainIsCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	u := start(t, mock.Config{})
	c := u.raw("")
	request, buf := []byte("GET /x/plain HTTP/1.1\r\nHost: m\r\n\r\n"), make([]byte, 4096)
	allocs := testing.AllocsPerRun(200, func() {
		_, err := c.Write(request)
		require.NoError(t, err)
		for n := 0; n < 1024; { // the header comes with the first bytes of the body
			m, err := c.Read(buf)
			require.NoError(t, err)
			n += m
		}
	})
	assert.LessOrEqual(t, allocs, 8.)
}
