package routing

import (
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
