package wire

import "sync"

// Sizes of pooled buffers in bytes. Larger ones are left to the garbage
// collector.
const (
	SmallBuffer  = 4 << 10  // the header block of a request that is being answered
	MediumBuffer = 16 << 10 // one read of a socket
	LargeBuffer  = 64 << 10 // a large header block
)

// Buffer is a byte queue: bytes are put in at its end and taken from its front.
// It is owned by one goroutine at a time.
type Buffer struct {
	b    []byte
	r, w int
}

// Pools are the one piece of package state: they hold memory, not behaviour.
var (
	smallBuffers  = sync.Pool{New: func() any { return &Buffer{b: make([]byte, SmallBuffer)} }}
	mediumBuffers = sync.Pool{New: func() any { return &Buffer{b: make([]byte, MediumBuffer)} }}
	largeBuffers  = sync.Pool{New: func() any { return &Buffer{b: make([]byte, LargeBuffer)} }}
)

// NewBuffer returns an empty buffer with room for at least size bytes, from a
// pool if it is one of the pooled sizes.
func NewBuffer(size int) *Buffer {
	switch {
	case size <= SmallBuffer:
		return smallBuffers.Get().(*Buffer)
	case size <= MediumBuffer:
		return mediumBuffers.Get().(*Buffer)
	case size <= LargeBuffer:
		return largeBuffers.Get().(*Buffer)
	}
	return &Buffer{b: make([]byte, size)}
}

// Free gives the buffer back. Neither it nor any slice of it may be used
// afterwards. Freeing nil does nothing.
func (b *Buffer) Free() {
	if b == nil {
		return
	}
	b.r, b.w = 0, 0
	switch len(b.b) {
	case SmallBuffer:
		smallBuffers.Put(b)
	case MediumBuffer:
		mediumBuffers.Put(b)
	case LargeBuffer:
		largeBuffers.Put(b)
	}
}

// Bytes returns what is in the buffer, valid until the next call that adds to it
// or moves it.
func (b *Buffer) Bytes() []byte { return b.b[b.r:b.w] }

// Len returns how many bytes are in the buffer; a nil buffer is empty.
func (b *Buffer) Len() int {
	if b == nil {
		return 0
	}
	return b.w - b.r
}

// Cap returns how many bytes the buffer can hold in all; nil holds none.
func (b *Buffer) Cap() int {
	if b == nil {
		return 0
	}
	return len(b.b)
}

// Skip takes n bytes from the front. An emptied buffer starts over, so that the
// next read finds all its room; slices of it are then valid until that read.
func (b *Buffer) Skip(n int) {
	b.r += n
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// Room returns the free space at the end, to be filled and then claimed with
// [Buffer.Grew].
func (b *Buffer) Room() []byte { return b.b[b.w:] }

// Grew claims n bytes of Room.
func (b *Buffer) Grew(n int) { b.w += n }

// Append adds p, which must fit into Room.
func (b *Buffer) Append(p []byte) { b.w += copy(b.b[b.w:], p) }

// Tail returns an empty slice over Room for append-style encoders. [Buffer.SetTail]
// claims what they made of it.
func (b *Buffer) Tail() []byte { return b.b[b.w:b.w] }

// SetTail claims what was appended to [Buffer.Tail]. If the encoder outgrew the
// room, the buffer takes over the larger memory.
func (b *Buffer) SetTail(p []byte) {
	if len(p) <= len(b.b)-b.w {
		b.w += len(p)
		return
	}
	grown := make([]byte, 2*(b.Len()+len(p)))
	n := copy(grown, b.Bytes())
	n += copy(grown[n:], p)
	b.b, b.r, b.w = grown, 0, n
}

// Grown returns a buffer with room for size bytes in all that holds the bytes of
// b, and frees b. It returns b itself when that is large enough, after moving its
// bytes to the front.
func (b *Buffer) Grown(size int) *Buffer {
	if len(b.b) >= size {
		if b.r > 0 {
			b.w = copy(b.b, b.Bytes())
			b.r = 0
		}
		return b
	}
	g := NewBuffer(size)
	g.Append(b.Bytes())
	b.Free()
	return g
}
