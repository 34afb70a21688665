package http1_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weir-gateway/weir/gateway/http1"
)

// dechunk feeds src to c in pieces of the given sizes, the last size being
// repeated, and returns the data and how many bytes of src were used.
func dechunk(c *http1.ChunkReader, src []byte, sizes ...int) (data []byte, used int, err error) {
	for piece := 0; used < len(src) && !c.Done(); piece++ {
		n := len(src)
		if len(sizes) > 0 {
			n = sizes[min(piece, len(sizes)-1)]
		}
		part := src[used:min(len(src), used+n)]
		for len(part) > 0 && !c.Done() {
			d, k, err := c.Next(part)
			data = append(data, d...)
			used += k
			if err != nil {
				return data, used, err
			}
			part = part[k:]
		}
	}
	return data, used, nil
}

func TestChunkReader(t *testing.T) {
	for _, tt := range []struct{ name, in, data string }{
		{"empty body", "0\r\n\r\n", ""},
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
		{"hex in both cases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"},
		{"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello"},
		{"fifteen digits", "000000000000005\r\nhello\r\n0\r\n\r\n", "hello"},
		{"CRLF in the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
		{"extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"},
		{"quoted extension", "5;a=\"b;\t\xe4\"\r\nhello\r\n0\r\n\r\n", "hello"},
		{"space before an extension", "5 \t;a\r\nhello\r\n0\r\n\r\n", "hello"},
		{"padded size", "5  \r\nhello\r\n0 \r\n\r\n", "hello"},
		{"trailer", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n", "hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c http1.ChunkReader
			for cut := 1; cut <= len(tt.in); cut++ {
				c.Reset()
				data, used, err := dechunk(&c, []byte(tt.in+"NEXT"), cut, 1<<20)
				require.NoError(t, err, "cut at %d", cut)
				require.Equal(t, tt.data, string(data), "cut at %d", cut)
				require.Equal(t, len(tt.in), used, "cut at %d", cut)
				require.True(t, c.Done(), "cut at %d", cut)
			}
			// Whatever is missing, the body is not complete.
			for end := range len(tt.in) {
				c.Reset()
				_, _, err := dechunk(&c, []byte(tt.in[:end]))
				require.NoError(t, err, "prefix of %d", end)
				require.False(t, c.Done(), "prefix of %d", end)
			}
		})
	}
}

func TestChunkReaderRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"no size", "\r\nhello"},
		{"no size but an extension", ";a\r\n"},
		{"space before the size", " 5\r\nhello\r\n"},
		{"plus sign", "+5\r\nhello\r\n"},
		{"minus sign", "-5\r\nhello\r\n"},
		{"hex prefix", "0x5\r\nhello\r\n"},
		{"underscore", "1_0\r\n"},
		{"not hex", "g\r\n"},
		{"sixteen digits", "0000000000000005\r\nhello\r\n"},
		{"overflow", "10000000000000005\r\nhello\r\n"},
		{"largest", "ffffffffffffffff\r\nhello\r\n"},
		{"bare LF behind the size", "5\nhello\r\n0\r\n\r\n"},
		{"bare CR behind the size", "5\rhello\r\n0\r\n\r\n"},
		{"second size behind a space", "5 6\r\nhello\r\n"},
		{"text behind a space", "5 a=b\r\nhello\r\n"},
		{"LF in an extension", "5;a\nhello\r\n0\r\n\r\n"},
		{"LF in a quoted extension", "5;a=\"\n\"\r\nhello\r\n"},
		{"CR in an extension", "5;a\rb\r\nhello\r\n"},
		{"NUL in an extension", "5;a\x00\r\nhello\r\n"},
		{"DEL in an extension", "5;\x7f\r\nhello\r\n"},
		{"too much extension", "5;" + strings.Repeat("a", 4097) + "\r\n"},
		{"too much space", "5" + strings.Repeat(" ", 4098) + "\r\n"},
		{"too much extension in small chunks", strings.Repeat("1;"+strings.Repeat("a", 100)+"\r\nx\r\n", 60)},
		{"data too long", "5\r\nhello!\r\n0\r\n\r\n"},
		{"data too short", "5\r\nhell\r\n0\r\n\r\n"},
		{"LF behind the data", "5\r\nhello\n0\r\n\r\n"},
		{"nothing behind the data", "5\r\nhello0\r\n\r\n"},
		{"CR alone behind the data", "5\r\nhello\r0\r\n\r\n"},
		{"bare LF ends the body", "0\r\n\n"},
		{"bare LF behind a trailer", "0\r\nA: b\n\r\n"},
		{"trailer without colon", "0\r\nA\r\n\r\n"},
		{"trailer with space before the colon", "0\r\nA : b\r\n\r\n"},
		{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n"},
		{"next request instead of a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n"},
		{"trailer too large", "0\r\nA: " + strings.Repeat("b", 8192) + "\r\n\r\n"},
		{"too many trailers", "0\r\n" + strings.Repeat("A: b\r\n", 65) + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var whole, split http1.ChunkReader
			_, used, err := dechunk(&whole, []byte(tt.in))
			require.Error(t, err)
			require.True(t, isParseError(err))
			_, usedSplit, errSplit := dechunk(&split, []byte(tt.in), 1)
			assert.Equal(t, err, errSplit)
			assert.Equal(t, used, usedSplit)
			assert.False(t, whole.Done())

			_, n, err := whole.Next([]byte("\r\n0\r\n\r\n"))
			assert.Error(t, err, "it does not recover")
			assert.Zero(t, n)
		})
	}
}

// Signed uploads carry about 85 bytes of extension with every 64 KiB.
func TestChunkReaderAllowsUsualExtensions(t *testing.T) {
	var c http1.ChunkReader
	ext := ";chunk-signature=" + strings.Repeat("f", 64)
	chunk := "10000" + ext + "\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	data, _, err := dechunk(&c, []byte(strings.Repeat(chunk, 100)+"0"+ext+"\r\n\r\n"))
	require.NoError(t, err)
	assert.True(t, c.Done())
	assert.Len(t, data, 100*0x10000)
}

func TestChunkReaderTrailer(t *testing.T) {
	var c http1.ChunkReader
	for range 2 {
		c.Reset()
		_, _, err := dechunk(&c, []byte("1\r\nx\r\n0\r\nX-Sum: 1\r\nETag:\t\"a\" \r\nx-sum: 2\r\n\r\n"), 1)
		require.NoError(t, err)
		require.True(t, c.Done())
		assert.Equal(t, []string{"X-Sum: 1", `ETag: "a"`, "x-sum: 2"}, lines(c.Trailer()))
		assert.Equal(t, `"a"`, string(c.Trailer().Get(http1.ETag)))
		c.Trailer().Drop(http1.ETag)
		assert.Equal(t, "0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n", string(http1.AppendLastChunk(nil, c.Trailer())))
	}
	c.Reset()
	assert.Zero(t, c.Trailer().Len())
	assert.False(t, c.Done())
}

func TestChunkReaderTrailerLimit(t *testing.T) {
	const trailer = "A: b\r\n\r\n"
	c := http1.ChunkReader{TrailerBytes: len(trailer)}
	_, _, err := dechunk(&c, []byte("0\r\n"+trailer))
	require.NoError(t, err)
	assert.True(t, c.Done())

	c.TrailerBytes--
	c.Reset()
	_, _, err = dechunk(&c, []byte("0\r\n"+trailer))
	assert.ErrorIs(t, err, http1.ErrHeaderTooLarge)
}

func TestAppendChunk(t *testing.T) {
	assert.Equal(t, "P3\r\nabc\r\n", string(http1.AppendChunk([]byte("P"), []byte("abc"))))
	assert.Equal(t, "P", string(http1.AppendChunk([]byte("P"), nil)), "an empty chunk would end the body")
	assert.Equal(t, "10000\r\n", string(http1.AppendChunkSize(nil, 1<<16)))
	assert.Equal(t, "0\r\n\r\n", string(http1.AppendLastChunk(nil, nil)))
	assert.Equal(t, "0\r\nA: b\r\n\r\n", string(http1.AppendLastChunk(nil, header(t, "A: b\r\n"))))
}

// What is put into chunks comes out of them, however the bytes arrive.
func TestChunkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 8).Draw(t, "pieces")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 400), 1, 20).Draw(t, "cuts")
		var wire []byte
		for _, p := range pieces {
			wire = http1.AppendChunk(wire, p)
		}
		wire = http1.AppendLastChunk(wire, header(t, "X-Sum: 1\r\n"))

		var c http1.ChunkReader
		data, used, err := dechunk(&c, append(wire, "NEXT"...), cuts...)
		require.NoError(t, err)
		require.True(t, c.Done())
		require.Equal(t, len(wire), used)
		require.True(t, bytes.Equal(bytes.Join(pieces, nil), data))
		require.Equal(t, []string{"X-Sum: 1"}, lines(c.Trailer()))
	})
}
