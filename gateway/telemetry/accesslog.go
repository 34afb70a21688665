package telemetry

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// AccessLogConfig says where the access log goes and how much of it.
type AccessLogConfig struct {
	Path   string   // stdout (also when empty), stderr, off, or a file, which is appended to
	Sample *float64 // share of requests that are logged, 0 to 1; nil: all
	// Buffer bounds the memory that waiting lines may take, in bytes. Zero is
	// 8 MiB; it is not taken before it is needed.
	Buffer int
	// FlushInterval is the longest time a line stays in memory when the output
	// keeps up; zero is one second.
	FlushInterval time.Duration
	// Failed, when it is set, is told the first error of a row of failed writes.
	// It is called by the writing goroutine.
	Failed func(error)
}

// The access log's defaults and the time Close allows for the last lines.
const (
	defaultAccessBuffer  = 8 << 20
	defaultFlushInterval = time.Second
	closeTimeout         = 5 * time.Second
)

// AccessLog writes a line for each request without making the request wait. All
// methods are safe for concurrent use; those of a nil AccessLog do nothing.
type AccessLog struct {
	out    *output
	lines  *lineBuffer
	keep   uint64 // requests whose hash is below are logged
	all    bool
	encode sync.Pool // of *[]byte
}

// NewAccessLog opens the log, or returns nil when it is off. When w is not nil
// the lines go there and cfg.Path says no more than whether the log is off. The
// error is that of a setting or of opening the file. A log must be closed.
func NewAccessLog(cfg AccessLogConfig, w io.Writer) (*AccessLog, error) {
	share := 1.0
	if cfg.Sample != nil {
		share = *cfg.Sample
	}
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("access log: sample is %v, want a share between 0 and 1", share)
	}
	if cfg.Path == "off" {
		return nil, nil
	}
	out, err := openOutput(cfg.Path, w)
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	l := &AccessLog{out: out, all: share == 1, keep: uint64(share * (1 << 32))}
	l.encode.New = func() any { b := make([]byte, 0, 1<<10); return &b }
	l.lines = newLineBuffer(orDefault(cfg.Buffer, defaultAccessBuffer))
	go l.lines.run(out, orDefault(cfg.FlushInterval, defaultFlushInterval), cfg.Failed)
	return l, nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Enabled says whether Log may write anything, so that a caller can save itself
// the filling of a Record.
func (l *AccessLog) Enabled() bool { return l != nil }

// Log writes the line of one request, unless sampling leaves it out. Answers of
// status 500 and up and requests that Weir refused are never left out. Whether
// another one is depends on its id alone, so every part of a fleet that samples
// the same share keeps the same requests.
func (l *AccessLog) Log(r *Record) {
	if l == nil || !l.sampled(r) {
		return
	}
	p := l.encode.Get().(*[]byte)
	*p = r.append((*p)[:0])
	l.lines.add(*p)
	l.encode.Put(p)
}

func (l *AccessLog) sampled(r *Record) bool {
	return l.all || r.Status >= 500 || r.Outcome == OutcomeRejected || uint64(hash(r.RequestID)) < l.keep
}

// hash is FNV-1a with a last mix, since ids may differ in few bits.
func hash(id []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range id {
		h = (h ^ uint32(c)) * 16777619
	}
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// Dropped is how many lines were lost because the output was too slow or failed.
func (l *AccessLog) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.lines.dropped.Load()
}

// Reopen opens the log's file again, after it was renamed by a log rotation.
// With an error the old file stays in use. It does nothing for other outputs.
func (l *AccessLog) Reopen() error {
	if l == nil {
		return nil
	}
	if err := l.out.reopen(); err != nil {
		return fmt.Errorf("reopen access log: %w", err)
	}
	return nil
}

// Flush waits until the lines so far are written or given up, for at most five
// seconds; the error is that this was not enough.
func (l *AccessLog) Flush() error {
	if l == nil {
		return nil
	}
	return l.lines.flush(closeTimeout)
}

// Close writes what is left, for at most five seconds, and closes a file. Later
// lines are dropped. A write that hangs in the operating system is left behind
// and reported as an error.
func (l *AccessLog) Close() error {
	if l == nil {
		return nil
	}
	if err := l.lines.close(closeTimeout); err != nil {
		return err
	}
	return l.out.close()
}

var errSlowOutput = errors.New("access log: the output does not take the remaining lines")
