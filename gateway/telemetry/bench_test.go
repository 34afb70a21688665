package telemetry

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func benchmarkSeries() (*Series, *Observation) {
	s := New(Config{}, Deps{}).Route("llm", "vip", "openai")
	return s, &Observation{
		Code: 200, Duration: 1234 * time.Millisecond, QueueWait: 17 * time.Millisecond,
		FirstByte: 300 * time.Millisecond, Upstream: 1200 * time.Millisecond, Queued: true,
	}
}

func BenchmarkSeriesObserve(b *testing.B) {
	s, o := benchmarkSeries()
	b.ReportAllocs()
	for b.Loop() {
		s.Observe(o)
	}
}

func BenchmarkSeriesObserveParallel(b *testing.B) {
	s, o := benchmarkSeries()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Observe(o)
		}
	})
}

func BenchmarkWindowObserve(b *testing.B) {
	var w window
	b.ReportAllocs()
	for b.Loop() {
		w.observe(time.Second, 1234*time.Millisecond)
	}
}

func BenchmarkGather(b *testing.B) {
	tel := populated(newClock())
	b.ReportAllocs()
	for b.Loop() {
		_, _ = tel.Gatherer().Gather()
	}
}

func BenchmarkAccessLog(b *testing.B) {
	l, err := NewAccessLog(AccessLogConfig{Buffer: 64 << 20}, discard{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := fullRecord()
	b.ReportAllocs()
	for b.Loop() {
		l.Log(r)
	}
	b.ReportMetric(float64(l.Dropped())/float64(b.N), "dropped/op")
}

// BenchmarkAccessLogZap writes the same fields by zap's own JSON encoder and its
// buffered writer.
func BenchmarkAccessLogZap(b *testing.B) {
	out := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(discard{}), Size: chunkSize}
	defer func() { _ = out.Stop() }()
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{TimeKey: "time", EncodeTime: zapcore.RFC3339NanoTimeEncoder})
	core := zapcore.NewCore(encoder, out, zapcore.InfoLevel)
	r := fullRecord()
	var target []byte
	b.ReportAllocs()
	for b.Loop() {
		target = AppendMaskedTarget(target[:0], r.Target)
		_ = core.Write(zapcore.Entry{Time: r.Time}, r.zapFields(target))
	}
}

func (r *Record) zapFields(target []byte) []zapcore.Field {
	return []zapcore.Field{
		zap.ByteString("request_id", r.RequestID), zap.ByteString("upstream_request_id", r.UpstreamRequestID),
		zap.Stringer("remote", r.Remote), zap.ByteString("method", r.Method), zap.ByteString("host", r.Host),
		zap.ByteString("target", target), zap.String("proto", r.Proto), zap.Int("status", r.Status),
		zap.String("outcome", r.Outcome), zap.String("route", r.Route), zap.String("class", r.Class),
		zap.String("flow", r.Flow), zap.String("principal", r.Principal), zap.String("tenant", r.Tenant),
		zap.String("user", r.User), zap.String("tier", r.Tier), zap.String("campaign", r.Campaign),
		zap.String("business", r.Business), zap.String("mode", r.Mode), zap.ByteString("model", r.Model),
		zap.String("upstream", r.Upstream), zap.String("endpoint", r.Endpoint), zap.Int("attempts", r.Attempts),
		zap.Bool("stream", r.Stream), zap.Float64("queue_ms", r.QueueWait.Seconds()*1000),
		zap.Float64("first_byte_ms", r.FirstByte.Seconds()*1000), zap.Float64("upstream_ms", r.UpstreamDuration.Seconds()*1000),
		zap.Float64("duration_ms", r.Duration.Seconds()*1000), zap.Int64("bytes_in", r.BytesIn),
		zap.Int64("bytes_out", r.BytesOut), zap.ByteString("user_agent", r.UserAgent),
	}
}
