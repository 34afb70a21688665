package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fullRecord() *Record {
	return &Record{
		Time:      time.Date(2026, 11, 24, 4, 30, 21, 123_987_654, time.FixedZone("", 8*3600)),
		RequestID: []byte("0af7651916cd43dd8448eb211c80319c"), UpstreamRequestID: []byte("req_1"),
		Remote: netip.MustParseAddr("2001:db8::1"), Method: []byte("POST"), Host: []byte("api.example.com"),
		Target: []byte("/v1/chat/completions?key=hush&n=1"), Proto: "HTTP/1.1", Status: 200, Outcome: "done",
		Route: "llm", Class: "vip", Flow: "acme", Principal: "crm", Tenant: "acme", User: "u1", Tier: "vip",
		Campaign: "c1", Business: "content_generation", Mode: "realtime", Model: []byte("gpt-5"),
		Upstream: "openai", Endpoint: "https://api.openai.com", Attempts: 1, Stream: true,
		QueueWait: 1500 * time.Microsecond, FirstByte: 2 * time.Second, UpstreamDuration: 3*time.Second + 4*time.Microsecond,
		Duration: 3005 * time.Millisecond, BytesIn: 4096, BytesOut: 65536, UserAgent: []byte(`curl/8 "x"`),
	}
}

func TestRecordLineIsGolden(t *testing.T) {
	want := `{"time":"2026-11-24T04:30:21.123+08:00","request_id":"0af7651916cd43dd8448eb211c80319c","upstream_request_id":"req_1",` +
		`"remote":"2001:db8::1","method":"POST","host":"api.example.com","target":"/v1/chat/completions?key=***&n=1","proto":"HTTP/1.1",` +
		`"status":200,"outcome":"done","route":"llm","class":"vip","flow":"acme","principal":"crm","tenant":"acme","user":"u1","tier":"vip",` +
		`"campaign":"c1","business":"content_generation","mode":"realtime","model":"gpt-5","upstream":"openai","endpoint":"https://api.openai.com",` +
		`"attempts":1,"stream":true,"queue_ms":1.500,"first_byte_ms":2000.000,"upstream_ms":3000.004,"duration_ms":3005.000,` +
		`"bytes_in":4096,"bytes_out":65536,"user_agent":"curl/8 \"x\""}` + "\n"
	assert.Equal(t, want, string(fullRecord().append(nil)))
}

func TestEmptyRecordKeepsItsNumbers(t *testing.T) {
	want := `{"time":"0001-01-01T00:00:00.000Z","status":0,"attempts":0,"stream":false,"queue_ms":0.000,"first_byte_ms":0.000,` +
		`"upstream_ms":0.000,"duration_ms":0.000,"bytes_in":0,"bytes_out":0}` + "\n"
	assert.Equal(t, want, string((&Record{Duration: -time.Second}).append(nil)))
}

func TestTimeIsRFC3339(t *testing.T) {
	for _, offset := range []int{0, 3600, -3600, 5*3600 + 1800, -(9*3600 + 1800)} {
		at := time.Date(2024, 2, 29, 23, 59, 59, 999_000_000, time.FixedZone("", offset))
		assert.Equal(t, at.Format("2006-01-02T15:04:05.000Z07:00"), string(appendTime(nil, at)))
	}
}

func TestLongTextIsCut(t *testing.T) {
	long := strings.Repeat("é", maxTarget)
	r := Record{Target: []byte("/" + long), UserAgent: []byte(long), Tenant: long, Host: bytes.Repeat([]byte{0x80}, 4*maxText)}
	line := r.append(nil)
	require.True(t, json.Valid(line))
	var got map[string]any
	require.NoError(t, json.Unmarshal(line, &got))
	for key, limit := range map[string]int{"target": maxTarget, "user_agent": maxText, "tenant": maxText} {
		s := got[key].(string)
		assert.True(t, strings.HasSuffix(s, "é..."), key)
		assert.LessOrEqual(t, len(s), limit+3, key)
	}
}

// lines is an output that remembers what was written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	err error
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	return l.buf.Write(p)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte("\n"))
}

func TestLinesAreFlushedEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l, err := NewAccessLog(AccessLogConfig{}, &out)
		require.NoError(t, err)
		l.Log(fullRecord())
		time.Sleep(900 * time.Millisecond)
		assert.Equal(t, 0, out.count())
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 1, out.count())
		l.Log(fullRecord())
		require.NoError(t, l.Close())
		assert.Equal(t, 2, out.count())
		l.Log(fullRecord())
		assert.EqualValues(t, 1, l.Dropped(), "after Close")
		assert.NoError(t, l.Close())
	})
}

func TestNothingIsLostOrMixedUnderLoad(t *testing.T) {
	var out lines
	l, err := NewAccessLog(AccessLogConfig{Buffer: 64 << 20}, &out)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := fullRecord()
			for i := range 2000 {
				r.RequestID = fmt.Appendf(nil, "%d-%04d", g, i)
				l.Log(r)
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Flush())
	require.NoError(t, l.Close())
	assert.Zero(t, l.Dropped())
	require.Equal(t, 8000, out.count())
	last := map[string]string{}
	for line := range bytes.Lines(out.buf.Bytes()) {
		var r struct {
			ID string `json:"request_id"`
		}
		require.NoError(t, json.Unmarshal(line, &r))
		g, n, _ := strings.Cut(r.ID, "-")
		assert.Greater(t, n, last[g], "order of one goroutine's lines")
		last[g] = n
	}
}

// stuck is a pipe that nobody reads.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.release; return len(p), nil }

func TestSlowOutputDropsLinesAndNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{make(chan struct{})}
		l, err := NewAccessLog(AccessLogConfig{Buffer: 4 * chunkSize}, out)
		require.NoError(t, err)
		began := time.Now()
		size := len(fullRecord().append(nil))
		total := 10 * 4 * chunkSize / size
		for range total {
			l.Log(fullRecord())
		}
		assert.Equal(t, began, time.Now(), "no waiting")
		kept := uint64(total) - l.Dropped()
		assert.InDelta(t, 4*chunkSize/size, kept, 4, "as many as fit in the buffer")
		assert.ErrorIs(t, l.Flush(), errSlowOutput)
		assert.ErrorIs(t, l.Close(), errSlowOutput)
		close(out.release)
		require.NoError(t, l.Close())
	})
}

func TestFailedWritesAreCountedAndToldOnce(t *testing.T) {
	out := lines{err: errors.New("disk full")}
	var told []error
	l, err := NewAccessLog(AccessLogConfig{Failed: func(err error) { told = append(told, err) }}, &out)
	require.NoError(t, err)
	for range 3 {
		l.Log(fullRecord())
		require.NoError(t, l.Flush())
	}
	out.mu.Lock()
	out.err = nil
	out.mu.Unlock()
	l.Log(fullRecord())
	require.NoError(t, l.Close())
	assert.EqualValues(t, 3, l.Dropped())
	assert.Len(t, told, 1)
	assert.Equal(t, 1, out.count())
}

func TestReopenFollowsARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	l, err := NewAccessLog(AccessLogConfig{Path: path}, nil)
	require.NoError(t, err)
	l.Log(fullRecord())
	require.NoError(t, l.Flush())
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, l.Reopen())
	l.Log(fullRecord())
	l.Log(fullRecord())
	require.NoError(t, l.Close())
	for name, want := range map[string]int{path + ".1": 1, path: 2} {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, want, bytes.Count(data, []byte("\n")), name)
	}
	assert.NoError(t, l.Reopen(), "after Close")
}

func TestReopenKeepsTheOldFileOnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o700))
	l, err := NewAccessLog(AccessLogConfig{Path: filepath.Join(dir, "a")}, nil)
	require.NoError(t, err)
	require.NoError(t, os.Rename(dir, dir+"2"))
	require.Error(t, l.Reopen())
	l.Log(fullRecord())
	require.NoError(t, l.Close())
	data, err := os.ReadFile(filepath.Join(dir+"2", "a"))
	require.NoError(t, err)
	assert.NotEmpty(t, data)
}

func TestOffAndBadSettings(t *testing.T) {
	l, err := NewAccessLog(AccessLogConfig{Path: "off"}, &lines{})
	require.NoError(t, err)
	assert.False(t, l.Enabled())
	l.Log(fullRecord())
	assert.NoError(t, errors.Join(l.Flush(), l.Reopen(), l.Close()))
	assert.Zero(t, l.Dropped())

	for _, share := range []float64{-0.1, 1.1} {
		_, err = NewAccessLog(AccessLogConfig{Sample: &share}, nil)
		assert.ErrorContains(t, err, "sample")
	}
	_, err = NewAccessLog(AccessLogConfig{Path: filepath.Join(t.TempDir(), "no", "such", "dir")}, nil)
	assert.ErrorContains(t, err, "access log: open log file")
}

func TestSampling(t *testing.T) {
	for _, share := range []float64{0, 0.1, 0.5, 1} {
		l, err := NewAccessLog(AccessLogConfig{Sample: &share}, &lines{})
		require.NoError(t, err)
		kept := 0
		for i := range 10000 {
			r := Record{Status: 200, RequestID: fmt.Appendf(nil, "req-%d", i)}
			if l.sampled(&r) {
				kept++
			}
			assert.Equal(t, l.sampled(&r), l.sampled(&r), "the same for the same id")
		}
		assert.InDelta(t, share*10000, kept, 200)
		assert.True(t, l.sampled(&Record{Status: 500, RequestID: []byte("x")}))
		assert.True(t, l.sampled(&Record{Status: 429, Outcome: OutcomeRejected}))
		require.NoError(t, l.Close())
	}
}

func TestLogDoesNotAllocate(t *testing.T) {
	l, err := NewAccessLog(AccessLogConfig{}, discard{})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	r := fullRecord()
	l.Log(r)
	assert.Less(t, testing.AllocsPerRun(500, func() { l.Log(r) }), 1.0)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
