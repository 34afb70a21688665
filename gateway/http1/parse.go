package http1

import (
	"bytes"
	"encoding/binary"
	"math"
)

// Limits bounds what a parser accepts.
type Limits struct {
	HeaderBytes int // start line and header block together
	Fields      int // lines of the header block
	TargetBytes int // request target
}

// Classes of the bytes of a token (RFC 9110 section 5.6.2).
const (
	plainByte = 1 << iota // letters, digits and '-'
	oddByte               // the other punctuation
)

// tchar tells the class of a byte of a token, 0 for bytes that cannot be in one.
var tchar = func() (t [256]uint8) {
	for c := range t {
		if isAlnum(byte(c)) || c == '-' {
			t[c] = plainByte
		}
	}
	for _, c := range "!#$%&'*+.^_`|~" {
		t[c] = oddByte
	}
	return t
}()

func isAlnum(c byte) bool {
	return ('a' <= c|0x20 && c|0x20 <= 'z') || ('0' <= c && c <= '9')
}

func isToken(b []byte) bool {
	for _, c := range b {
		if tchar[c] == 0 {
			return false
		}
	}
	return len(b) > 0
}

// span is a part of a message's buffer.
type span struct{ start, end uint32 }

func (s span) of(buf []byte) []byte { return buf[s.start:s.end:s.end] }

// block is the state of an incremental header parse.
type block struct {
	Header
	pos       uint32 // start of the first line not parsed yet
	scanned   uint32 // no LF in buf[pos:scanned]
	startLine bool   // the start line has been parsed
}

func (b *block) reset() {
	b.Header.reset()
	b.pos, b.scanned, b.startLine = 0, 0, false
}

// nextLine finds the line at b.pos, which must end within buf[:limit]. ok is
// false when it is not complete yet. start and end exclude the CRLF; b.pos is
// moved past it. The limit is applied so that the answer does not depend on the
// pieces in which the bytes arrive.
func (b *block) nextLine(buf []byte, limit int) (start, end uint32, ok bool, err error) {
	from := max(b.scanned, b.pos)
	i := bytes.IndexByte(buf[from:], '\n')
	if i < 0 {
		b.scanned = uint32(len(buf))
		if len(buf) >= limit {
			return 0, 0, false, ErrHeaderTooLarge
		}
		return 0, 0, false, nil
	}
	lf := from + uint32(i)
	if int(lf) >= limit {
		return 0, 0, false, ErrHeaderTooLarge
	}
	if lf == b.pos || buf[lf-1] != '\r' {
		return 0, 0, false, errBareLF
	}
	start = b.pos
	b.pos, b.scanned = lf+1, lf+1
	return start, lf - 1, true, nil
}

// parseFields parses field lines up to the empty line that ends the block.
func (b *block) parseFields(buf []byte, lim Limits) (done bool, err error) {
	b.buf = buf
	for {
		start, end, ok, err := b.nextLine(buf, lim.HeaderBytes)
		if err != nil || !ok {
			return false, err
		}
		if start == end {
			return true, nil
		}
		if len(b.fields) >= lim.Fields {
			return false, ErrTooManyFields
		}
		f, err := parseField(buf, start, end)
		if err != nil {
			return false, err
		}
		b.add(f)
	}
}

// parseField parses one field line, buf[start:end] without its CRLF
// (RFC 9112 section 5).
func parseField(buf []byte, start, end uint32) (Field, error) {
	line := buf[start:end]
	n, classes := 0, uint8(0)
	for n < len(line) && tchar[line[n]] != 0 {
		classes |= tchar[line[n]]
		n++
	}
	switch {
	case n == 0 && (line[0] == ' ' || line[0] == '\t'):
		return Field{}, errFolding
	case n == 0 || n == len(line) || line[n] != ':':
		return Field{}, errFieldName
	}
	vs, ve := n+1, len(line)
	for vs < ve && (line[vs] == ' ' || line[vs] == '\t') {
		vs++
	}
	for ve > vs && (line[ve-1] == ' ' || line[ve-1] == '\t') {
		ve--
	}
	if err := checkValue(line[vs:ve]); err != nil {
		return Field{}, err
	}
	return Field{
		start:      start,
		nameEnd:    start + uint32(n),
		valueStart: start + uint32(vs),
		valueEnd:   start + uint32(ve),
		end:        end + 2,
		id:         FieldIDOf(line[:n]),
		odd:        classes&oddByte != 0,
	}, nil
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// checkValue refuses control bytes other than HTAB (RFC 9110 section 5.5). It
// looks at eight bytes at a time, the last of which may be looked at twice.
func checkValue(v []byte) error {
	if len(v) < 8 {
		return checkValueBytes(v)
	}
	for i := 0; i+8 <= len(v); i += 8 {
		if hasControl(binary.LittleEndian.Uint64(v[i : i+8])) {
			return checkValueBytes(v[i:])
		}
	}
	if last := v[len(v)-8:]; hasControl(binary.LittleEndian.Uint64(last)) {
		return checkValueBytes(last)
	}
	return nil
}

// hasControl reports whether a byte of w is below 0x20, which sets the high bit
// of its lane in below, or 0x7f, which does so in del. HTAB, the rare legal one,
// then costs a closer look.
func hasControl(w uint64) bool {
	below := (w - ones*0x20) & ^w & highs
	del := w ^ ones*0x7f
	return (below | (del-ones) & ^del & highs) != 0
}

func checkValueBytes(v []byte) error {
	for _, c := range v {
		switch {
		case c >= 0x20 && c != 0x7f, c == '\t':
		case c == '\r':
			return errBareCR
		default:
			return errFieldValue
		}
	}
	return nil
}

// parseLength reads the one Content-Length of a message, or -1 without one.
// Lists and repetitions are refused even when their members agree: RFC 9110
// section 8.6 allows that, and the next parser may not collapse them.
func (b *block) parseLength() (int64, error) {
	i := b.Find(ContentLength)
	if i < 0 {
		return -1, nil
	}
	if b.FindFrom(ContentLength, i+1) >= 0 {
		return 0, errContentLength
	}
	v := b.Value(i)
	if len(v) == 0 || len(v) > len("9223372036854775807") {
		return 0, errContentLength
	}
	var n uint64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, errContentLength
		}
		n = n*10 + uint64(c-'0')
	}
	if n > math.MaxInt64 {
		return 0, errContentLength
	}
	return int64(n), nil
}

// parseFraming reads Content-Length and Transfer-Encoding.
func (b *block) parseFraming(minor uint8) (length int64, chunked bool, err error) {
	length, err = b.parseLength()
	if err != nil {
		return 0, false, err
	}
	i := b.Find(TransferEncoding)
	if i < 0 {
		return length, false, nil
	}
	switch {
	case minor == 0:
		return 0, false, errTE10
	case length >= 0:
		return 0, false, errBothFramings
	case b.FindFrom(TransferEncoding, i+1) >= 0:
		return 0, false, errTE
	case !equalFold(b.Value(i), "chunked"):
		return 0, false, refuseCoding(b.Value(i))
	}
	return -1, true, nil
}

// refuseCoding says what is wrong with a list of transfer codings. One that does
// not end in chunked has no end that both sides agree on, and chunked twice is
// nonsense (RFC 9112 sections 6.1, 6.3); what remains is well-formed and merely
// not supported.
func refuseCoding(list []byte) error {
	var last []byte
	n := 0
	for len(list) > 0 {
		if last, list = NextToken(list); equalFold(last, "chunked") {
			n++
		}
	}
	if n == 1 && equalFold(last, "chunked") {
		return ErrTransferCoding
	}
	return errTE
}

// maxOptions bounds the members of all Connection fields. Each can take fields
// out of the block, so that thousands of them, which nobody sends in good faith,
// would cost a product.
const maxOptions = 32

// parseConnection tells whether the sender wants the connection to persist
// (RFC 9112 section 9.3).
func (b *block) parseConnection(minor uint8) (keepAlive bool, err error) {
	keepAlive = minor >= 1
	closes, n := false, 0
	for i := b.Find(Connection); i >= 0; i = b.FindFrom(Connection, i+1) {
		for list := b.Value(i); len(list) > 0; {
			if n++; n > maxOptions {
				return false, errConnection
			}
			var option []byte
			switch option, list = NextToken(list); {
			case equalFold(option, "close"):
				closes = true
			case equalFold(option, "keep-alive"):
				keepAlive = true
			}
		}
	}
	return keepAlive && !closes, nil
}
