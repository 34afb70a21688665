package telemetry

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// text is what can be written as a JSON string.
type text interface{ ~string | ~[]byte }

func appendField[T text](b []byte, key string, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = append(b, key...)
	b = append(b, '"')
	cut := clip(v, maxText)
	b = appendEscaped(b, cut)
	if len(cut) < len(v) {
		b = append(b, "..."...)
	}
	return append(b, '"')
}

func appendInt(b []byte, key string, v int64) []byte {
	return strconv.AppendInt(append(b, key...), v, 10)
}

func appendBool(b []byte, key string, v bool) []byte {
	return strconv.AppendBool(append(b, key...), v)
}

// appendMillis writes d in milliseconds, cut to a microsecond.
func appendMillis(b []byte, key string, d time.Duration) []byte {
	b = append(b, key...)
	if d < 0 {
		d = 0 // a clock that went back
	}
	us := int64(d / time.Microsecond)
	b = strconv.AppendInt(b, us/1000, 10)
	return appendDigits(append(b, '.'), int(us%1000), 3)
}

// appendTime writes t as RFC 3339 in its own zone. It is time.AppendFormat for
// one layout, at a third of its cost.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), t.Nanosecond()/int(time.Millisecond), 3)
	_, offset := t.Zone()
	if offset == 0 {
		return append(b, 'Z')
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	b = appendDigits(append(b, sign), offset/3600, 2)
	return appendDigits(append(b, ':'), offset/60%60, 2)
}

// appendDigits writes the last width digits of v, which is not negative.
func appendDigits(b []byte, v, width int) []byte {
	for div := pow10(width - 1); div > 0; div /= 10 {
		b = append(b, byte('0'+v/div%10))
	}
	return b
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// clip cuts v to at most n bytes without cutting a character.
func clip[T text](v T, n int) T {
	if len(v) <= n {
		return v
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(v[i]) {
			return v[:i]
		}
	}
	return v[:n]
}

// plain says which bytes stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendEscaped writes v as the inside of a JSON string (RFC 8259 section 7).
// Bytes that are not UTF-8 become U+FFFD. Control characters, DEL and the C1
// range, and the line separators are escaped, so that no terminal or line reader
// takes part of a value for something else.
func appendEscaped[T text](b []byte, v T) []byte {
	from := 0
	for i := 0; i < len(v); {
		c := v[i]
		if plain[c] {
			i++
			continue
		}
		size, escape := 1, true
		r := rune(c)
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(string(v[i:min(i+utf8.UTFMax, len(v))]))
			escape = r < 0xa0 || r == '\u2028' || r == '\u2029' || r == utf8.RuneError && size == 1
		}
		if escape {
			b = append(b, v[from:i]...)
			b = appendEscape(b, r)
			from = i + size
		}
		i += size
	}
	return append(b, v[from:]...)
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
