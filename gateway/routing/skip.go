package routing

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Every byte of a word.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// skipNested skips an object or an array, from its opening bracket on. Strings
// are jumped over, and between them only brackets count: what an upstream would
// refuse anyway need not be noticed here.
func (s *bodyScan) skipNested() bool {
	depth := 0
	b := s.body
	for i := s.at; i < len(b); {
		if i = nextStructural(b, i); i < 0 {
			return false
		}
		switch b[i] {
		case '"':
			if i = stringEnd(b, i+1); i < 0 {
				return false
			}
		case '{', '[':
			if depth++; depth > maxBodyDepth {
				return false
			}
		default:
			if depth--; depth == 0 {
				s.at = i + 1
				return true
			}
		}
		i++
	}
	return false
}

// nextStructural returns the index of the first quote or bracket from i on, or
// -1. It looks at eight bytes at a time: the four brackets are the bytes that
// become 0x59 when the bits 0x26 are cleared, together with Y, y, _ and DEL, which
// are told apart afterwards.
func nextStructural(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		brackets := (w &^ (0x26 * lowBits)) ^ (0x59 * lowBits)
		quotes := w ^ (0x22 * lowBits)
		found := zeroBytes(brackets) | zeroBytes(quotes)
		for ; found != 0; found &= found - 1 {
			if j := i + bits.TrailingZeros64(found)/8; isStructural(b[j]) {
				return j
			}
		}
	}
	for ; i < len(b); i++ {
		if isStructural(b[i]) {
			return i
		}
	}
	return -1
}

// zeroBytes sets the high bit of the first byte that is zero, and perhaps of some
// behind it; none if no byte is.
func zeroBytes(w uint64) uint64 { return (w - lowBits) &^ w & highBits }

func isStructural(c byte) bool {
	return c == '"' || c&^0x26 == 0x59 && c != 'Y' && c != 'y' && c != '_' && c != 0x7f
}

// stringEnd returns the index of the quote that ends the string whose content
// starts at i, or -1. Most strings have few quotes in them and are searched at the
// speed of memory; where one quote is escaped, the next one is expected near.
func stringEnd(b []byte, i int) int {
	n := bytes.IndexByte(b[i:], '"')
	if n < 0 {
		return -1
	}
	start := i
	for i += n; isEscaped(b, start, i); {
		start = i + 1 // a quote is no backslash
		if i = nextQuote(b, start); i < 0 {
			return -1
		}
	}
	return i
}

// isEscaped reports whether an odd number of backslashes stands before i, looking
// back to start.
func isEscaped(b []byte, start, i int) bool {
	slashes := 0
	for j := i - 1; j >= start && b[j] == '\\'; j-- {
		slashes++
	}
	return slashes%2 == 1
}

// nextQuote returns the index of the first quote from i on, or -1.
func nextQuote(b []byte, i int) int {
	for near := i + 64; i < near && i+8 <= len(b); i += 8 {
		if found := zeroBytes(binary.LittleEndian.Uint64(b[i:]) ^ (0x22 * lowBits)); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	n := bytes.IndexByte(b[i:], '"')
	if n < 0 {
		return -1
	}
	return i + n
}
