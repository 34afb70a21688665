package telemetry

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// chunkSize is how much is written at once when there is much to write.
const chunkSize = 128 << 10

// chunk is a piece of the log on its way to the output.
type chunk struct {
	bytes []byte
	lines int
}

// lineBuffer takes lines from any number of goroutines and hands them to one that
// writes them. It holds a bounded number of chunks: the one being filled, the
// full ones in order, the one being written, and empty ones. When there is no
// room and no empty chunk, lines are dropped.
type lineBuffer struct {
	dropped atomic.Uint64

	wake    chan struct{}      // a chunk is full; one signal is enough
	flushes chan chan struct{} // asks for all to be written; closed when it is
	stop    chan struct{}      // closed by close
	done    chan struct{}      // closed when run has ended

	mu      sync.Mutex
	filling *chunk
	full    []*chunk
	empty   []*chunk
	unborn  int // chunks that may still be made
	closed  bool
}

// newLineBuffer bounds the buffer to a number of bytes, two chunks at least: one
// is filled while the other is written.
func newLineBuffer(size int) *lineBuffer {
	chunks := max(size/chunkSize, 2)
	return &lineBuffer{
		wake: make(chan struct{}, 1), flushes: make(chan chan struct{}),
		stop: make(chan struct{}), done: make(chan struct{}),
		filling: newChunk(), full: make([]*chunk, 0, chunks), empty: make([]*chunk, 0, chunks), unborn: chunks - 1,
	}
}

func newChunk() *chunk { return &chunk{bytes: make([]byte, 0, chunkSize)} }

// add copies line, or drops it. It never waits for the output.
func (b *lineBuffer) add(line []byte) {
	b.mu.Lock()
	ok := !b.closed && len(line) <= chunkSize && (b.fitsLocked(line) || b.turnLocked())
	if ok {
		b.filling.bytes = append(b.filling.bytes, line...)
		b.filling.lines++
	}
	b.mu.Unlock()
	if !ok {
		b.dropped.Add(1)
	}
}

func (b *lineBuffer) fitsLocked(line []byte) bool {
	return len(line) <= cap(b.filling.bytes)-len(b.filling.bytes)
}

// turnLocked begins another chunk and says whether there was one.
func (b *lineBuffer) turnLocked() bool {
	next := b.emptyLocked()
	if next == nil {
		return false
	}
	b.full = append(b.full, b.filling)
	b.filling = next
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

func (b *lineBuffer) emptyLocked() *chunk {
	if n := len(b.empty); n > 0 {
		c := b.empty[n-1]
		b.empty = b.empty[:n-1]
		return c
	}
	if b.unborn > 0 {
		b.unborn--
		return newChunk()
	}
	return nil
}

// run writes chunks to w until close is called, then all that is left.
func (b *lineBuffer) run(w io.Writer, every time.Duration, failed func(error)) {
	defer close(b.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	out := chunkWriter{b: b, w: w, failed: failed}
	for {
		select {
		case <-b.wake:
			out.drain(false)
		case <-tick.C:
			out.drain(true)
		case asked := <-b.flushes:
			out.drain(true)
			close(asked)
		case <-b.stop:
			out.drain(true)
			return
		}
	}
}

// take returns the next full chunk, or nil.
func (b *lineBuffer) take() *chunk {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.full) == 0 {
		return nil
	}
	c := b.full[0]
	copy(b.full, b.full[1:])
	b.full = b.full[:len(b.full)-1]
	return c
}

// turn makes the chunk that is being filled a full one, unless it is empty or
// there is no other; then there is a full one already.
func (b *lineBuffer) turn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.filling.lines > 0 {
		b.turnLocked()
	}
}

func (b *lineBuffer) giveBack(c *chunk) {
	c.bytes, c.lines = c.bytes[:0], 0
	b.mu.Lock()
	defer b.mu.Unlock()
	b.empty = append(b.empty, c)
}

func (b *lineBuffer) flush(timeout time.Duration) error {
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	asked := make(chan struct{})
	select {
	case b.flushes <- asked:
	case <-b.done:
		return nil
	case <-limit.C:
		return errSlowOutput
	}
	select {
	case <-asked:
		return nil
	case <-limit.C:
		return errSlowOutput
	}
}

func (b *lineBuffer) close(timeout time.Duration) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stop)
	}
	b.mu.Unlock()
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	select {
	case <-b.done:
		return nil
	case <-limit.C:
		return errSlowOutput
	}
}

// chunkWriter is the writing side of a lineBuffer.
type chunkWriter struct {
	b       *lineBuffer
	w       io.Writer
	failed  func(error)
	failing bool
}

// drain writes the full chunks, and with all the one being filled as well.
func (c *chunkWriter) drain(all bool) {
	c.writeFull()
	if all {
		c.b.turn()
		c.writeFull()
	}
}

func (c *chunkWriter) writeFull() {
	for next := c.b.take(); next != nil; next = c.b.take() {
		c.write(next)
	}
}

func (c *chunkWriter) write(next *chunk) {
	_, err := c.w.Write(next.bytes)
	if err != nil {
		c.b.dropped.Add(uint64(next.lines))
		if !c.failing && c.failed != nil {
			c.failed(err)
		}
	}
	c.failing = err != nil
	c.b.giveBack(next)
}
