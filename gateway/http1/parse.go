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

// tchar marks the bytes of a token (RFC 9110 section 5.6.2).
var tchar = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

func isAlnum(c byte) bool {
	return ('a' <= c|0x20 && c|0x20 <= 'z') || ('0' <= c && c <= '9')
}

// isOdd reports whether a field name has punctuation other than '-'.
func isOdd(name []byte) bool {
	for _, c := range name {
		if !isAlnum(c) && c != '-' {
			return true
		}
	}
	return false
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tchar[c] {
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
	n := 0
	for n < len(line) && tchar[line[n]] {
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
		odd:        isOdd(line[:n]),
	}, nil
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// checkValue refuses control bytes other than HTAB (RFC 9110 section 5.5). It
// looks at eight bytes at a time: a byte below 0x20, or 0x7f, sets the high bit
// of its lane; HTAB, the rare legal one, then costs a closer look.
func checkValue(v []byte) error {
	for len(v) >= 8 {
		w := binary.LittleEndian.Uint64(v)
		below := (w - ones*0x20) & ^w & highs
		del := w ^ ones*0x7f
		if (below | (del-ones) & ^del & highs) != 0 {
			if err := checkValueBytes(v[:8]); err != nil {
				return err
			}
		}
		v = v[8:]
	}
	return checkValueBytes(v)
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

// keepAlive tells whether the sender wants the connection to persist
// (RFC 9112 section 9.3).
func (b *block) keepAlive(minor uint8) bool {
	alive := minor >= 1
	for i := b.Find(Connection); i >= 0; i = b.FindFrom(Connection, i+1) {
		v := b.Value(i)
		if HasToken(v, "close") {
			return false
		}
		if minor == 0 && HasToken(v, "keep-alive") {
			alive = true
		}
	}
	return alive
}
