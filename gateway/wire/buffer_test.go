package wire

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNewBufferSizes(t *testing.T) {
	for size, want := range map[int]int{
		0: SmallBuffer, 1: SmallBuffer, SmallBuffer: SmallBuffer,
		SmallBuffer + 1: MediumBuffer, MediumBuffer: MediumBuffer,
		MediumBuffer + 1: LargeBuffer, LargeBuffer: LargeBuffer,
		LargeBuffer + 1: LargeBuffer + 1,
	} {
		b := NewBuffer(size)
		assert.Equal(t, want, b.Cap(), "size %d", size)
		assert.Zero(t, b.Len())
		assert.Len(t, b.Room(), want)
		b.Free()
	}
}

func TestBufferNil(t *testing.T) {
	var b *Buffer
	assert.Zero(t, b.Len())
	assert.Zero(t, b.Cap())
	b.Free()
}

// A buffer from the pool is empty, whatever its last owner left in it.
func TestBufferFreeEmpties(t *testing.T) {
	for range 100 {
		b := NewBuffer(SmallBuffer)
		require.Zero(t, b.Len())
		require.Len(t, b.Room(), SmallBuffer)
		b.Append([]byte("left behind"))
		b.Skip(3)
		b.Free()
	}
}

// An emptied buffer starts over, so that it always has room.
func TestBufferSkipAll(t *testing.T) {
	b := NewBuffer(SmallBuffer)
	defer b.Free()
	b.Append(make([]byte, SmallBuffer))
	assert.Empty(t, b.Room())
	b.Skip(SmallBuffer - 1)
	assert.Empty(t, b.Room())
	b.Skip(1)
	assert.Len(t, b.Room(), SmallBuffer)
}

// A buffer behaves like a queue of bytes, whichever way bytes get in.
func TestBufferProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuffer(rapid.IntRange(0, 2*LargeBuffer).Draw(t, "size"))
		defer func() { b.Free() }()
		var want []byte
		var next byte
		fresh := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				next++
				p[i] = next
			}
			return p
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				p := fresh(rapid.IntRange(0, len(b.Room())).Draw(t, "n"))
				b.Append(p)
				want = append(want, p...)
			},
			"read": func(t *rapid.T) {
				p := fresh(rapid.IntRange(0, len(b.Room())).Draw(t, "n"))
				b.Grew(copy(b.Room(), p))
				want = append(want, p...)
			},
			"encode": func(t *rapid.T) {
				p := fresh(rapid.IntRange(0, 9000).Draw(t, "n"))
				tail := b.Tail()
				for len(p) > 0 {
					n := min(len(p), 1000)
					tail = append(tail, p[:n]...)
					want = append(want, p[:n]...)
					p = p[n:]
				}
				b.SetTail(tail)
			},
			"skip": func(t *rapid.T) {
				n := rapid.IntRange(0, b.Len()).Draw(t, "n")
				b.Skip(n)
				want = want[n:]
			},
			"grow": func(t *rapid.T) {
				size := rapid.IntRange(0, 2*LargeBuffer).Draw(t, "size")
				size = max(size, b.Len())
				b = b.Grown(size)
				if b.Cap() < size || len(b.Room()) != b.Cap()-b.Len() {
					t.Fatalf("grown to %d with room for %d, asked for %d", b.Cap(), len(b.Room()), size)
				}
			},
			"": func(t *rapid.T) {
				if !bytes.Equal(want, b.Bytes()) || b.Len() != len(want) {
					t.Fatalf("%d bytes held, want %d", b.Len(), len(want))
				}
			},
		})
	})
}
