package http1

import "strconv"

// ChunkReader takes chunked coding (RFC 9112 section 7.1) apart. It does no I/O:
// it is fed what arrived and hands out the data in place.
type ChunkReader struct {
	state     chunkState
	digits    uint8
	excess    uint64 // bytes of extensions that no data makes up for
	remaining uint64 // of the current chunk
	trailer   []byte
	// TrailerBytes bounds the trailer section; 0 stands for 8 KiB.
	TrailerBytes int
	fields       block
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkSpace
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer
	chunkDone
	chunkBroken
)

const (
	maxChunkDigits = 15
	// maxExcess bounds what a peer can send in extensions beyond what is usual for
	// its data: nobody counts those bytes against a body's limit.
	maxExcess       = 4096
	maxTrailerLines = 64
	// defaultTrailerBytes is generous: trailers carry checksums and status lines.
	defaultTrailerBytes = 8 << 10
)

// Reset makes c ready for the next body and keeps its memory.
func (c *ChunkReader) Reset() {
	c.fields.reset()
	*c = ChunkReader{trailer: c.trailer[:0], TrailerBytes: c.TrailerBytes, fields: c.fields}
}

// Done tells that the last chunk and the trailer section have been read.
func (c *ChunkReader) Done() bool { return c.state == chunkDone }

// Trailer returns the fields of the trailer section once Done. They are valid
// until Reset.
func (c *ChunkReader) Trailer() *Header { return &c.fields.Header }

// Next takes the front of src. It returns the body data at its front, in place,
// and how many bytes of src were used up; both may be empty. Call it until all
// of src is used or Done.
func (c *ChunkReader) Next(src []byte) (data []byte, used int, err error) {
	for used < len(src) {
		b := src[used]
		switch c.state {
		case chunkData:
			n := uint64(len(src) - used)
			if n > c.remaining {
				n = c.remaining
			}
			data = src[used : used+int(n)]
			used += int(n)
			if c.remaining -= n; c.remaining == 0 {
				c.state = chunkDataCR
			}
			return data, used, nil
		case chunkSize:
			err = c.sizeByte(b)
		case chunkSpace:
			err = c.spaceByte(b)
		case chunkExt:
			err = c.extByte(b)
		case chunkSizeLF:
			err = c.sizeEnd(b)
		case chunkDataCR:
			err = expect(b, '\r')
			c.state = chunkDataLF
		case chunkDataLF:
			err = expect(b, '\n')
			c.state, c.digits = chunkSize, 0
		case chunkTrailer:
			err = c.trailerByte(b)
		case chunkDone:
			return nil, used, nil
		case chunkBroken:
			err = ErrChunk
		}
		if err != nil {
			c.state = chunkBroken
			return nil, used, err
		}
		used++
	}
	return nil, used, nil
}

func expect(b, want byte) error {
	if b != want {
		return ErrChunk
	}
	return nil
}

func (c *ChunkReader) sizeByte(b byte) error {
	var v byte
	switch {
	case '0' <= b && b <= '9':
		v = b - '0'
	case 'a' <= b && b <= 'f':
		v = b - 'a' + 10
	case 'A' <= b && b <= 'F':
		v = b - 'A' + 10
	case c.digits > 0 && b == '\r':
		c.state = chunkSizeLF
		return nil
	case c.digits > 0 && b == ';':
		c.state = chunkExt
		return nil
	case c.digits > 0 && (b == ' ' || b == '\t'):
		c.state = chunkSpace
		return nil
	default:
		return ErrChunk
	}
	if c.digits++; c.digits > maxChunkDigits {
		return ErrChunk
	}
	c.remaining = c.remaining<<4 | uint64(v)
	return nil
}

// spaceByte skips white space behind a size: old servers pad with it and the
// grammar has it before an extension. Anything else there is refused.
func (c *ChunkReader) spaceByte(b byte) error {
	switch b {
	case ';':
		c.state = chunkExt
	case '\r':
		c.state = chunkSizeLF
	case ' ', '\t':
		return c.exceed()
	default:
		return ErrChunk
	}
	return nil
}

func (c *ChunkReader) exceed() error {
	if c.excess++; c.excess > maxExcess {
		return ErrChunk
	}
	return nil
}

// extByte skips chunk extensions. A bare LF in them is where parsers differ, so
// it is refused.
func (c *ChunkReader) extByte(b byte) error {
	if err := c.exceed(); err != nil {
		return err
	}
	switch {
	case b == '\r':
		c.state = chunkSizeLF
	case b < ' ' && b != '\t', b == 0x7f:
		return ErrChunk
	}
	return nil
}

func (c *ChunkReader) sizeEnd(b byte) error {
	if b != '\n' {
		return ErrChunk
	}
	c.excess -= min(c.excess, 16+c.remaining)
	if c.remaining == 0 {
		c.state = chunkTrailer
	} else {
		c.state = chunkData
	}
	return nil
}

func (c *ChunkReader) trailerByte(b byte) error {
	limit := c.TrailerBytes
	if limit == 0 {
		limit = defaultTrailerBytes
	}
	if len(c.trailer) >= limit {
		return ErrHeaderTooLarge
	}
	c.trailer = append(c.trailer, b)
	if b != '\n' {
		return nil
	}
	done, err := c.fields.parseFields(c.trailer, Limits{HeaderBytes: limit + 1, Fields: maxTrailerLines})
	if err != nil {
		return err
	}
	if done {
		c.state = chunkDone
	}
	return nil
}

// AppendChunk appends data as one chunk. Empty data appends nothing, since an
// empty chunk would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = AppendChunkSize(dst, len(data))
	dst = append(dst, data...)
	return append(dst, '\r', '\n')
}

// AppendChunkSize appends the line that comes before n bytes of chunk data.
func AppendChunkSize(dst []byte, n int) []byte {
	dst = strconv.AppendUint(dst, uint64(n), 16)
	return append(dst, '\r', '\n')
}

// AppendLastChunk appends the chunk that ends a body, the kept fields of
// trailer, which may be nil, and the empty line.
func AppendLastChunk(dst []byte, trailer *Header) []byte {
	dst = append(dst, '0', '\r', '\n')
	if trailer != nil {
		dst = trailer.AppendFields(dst)
	}
	return append(dst, '\r', '\n')
}
