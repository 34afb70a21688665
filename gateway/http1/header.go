package http1

import "bytes"

// Field is one line of a header block, as offsets into the block's buffer.
type Field struct {
	start, nameEnd, valueStart, valueEnd, end uint32
	id                                        FieldID
	odd                                       bool // a name with punctuation other than '-'
	dropped                                   bool
}

// ID says which known field this is.
func (f *Field) ID() FieldID { return f.id }

// Dropped reports whether the field was taken out with [Header.Drop].
func (f *Field) Dropped() bool { return f.dropped }

// Header is a parsed header block: the bytes as they arrived and an index of
// their lines. The zero value is an empty header.
//
// The slices that its methods return alias the caller's buffer and are valid as
// long as that is; none may be kept beyond the request.
type Header struct {
	buf    []byte
	fields []Field
	seen   [(numFieldIDs + 63) / 64]uint64
}

// Len returns the number of fields, dropped ones included.
func (h *Header) Len() int { return len(h.fields) }

// ID returns the FieldID of field i.
func (h *Header) ID(i int) FieldID { return h.fields[i].id }

// Name returns the name of field i in the case in which it arrived.
func (h *Header) Name(i int) []byte {
	f := &h.fields[i]
	return h.buf[f.start:f.nameEnd:f.nameEnd]
}

// Value returns the value of field i without surrounding white space.
func (h *Header) Value(i int) []byte {
	f := &h.fields[i]
	return h.buf[f.valueStart:f.valueEnd:f.valueEnd]
}

// Dropped reports whether field i was taken out.
func (h *Header) Dropped(i int) bool { return h.fields[i].dropped }

// Has reports whether a field id arrived, dropped or not, at the cost of one bit
// test.
func (h *Header) Has(id FieldID) bool { return h.seen[id/64]&(1<<(id%64)) != 0 }

// Find returns the index of the first field id that was not dropped, or -1.
func (h *Header) Find(id FieldID) int { return h.FindFrom(id, 0) }

// FindFrom is Find from field i on, to walk over repeated fields.
func (h *Header) FindFrom(id FieldID, i int) int {
	if !h.Has(id) {
		return -1
	}
	for ; i < len(h.fields); i++ {
		if h.fields[i].id == id && !h.fields[i].dropped {
			return i
		}
	}
	return -1
}

// Get returns the value of the first field id that was not dropped, or nil.
func (h *Header) Get(id FieldID) []byte {
	if i := h.Find(id); i >= 0 {
		return h.Value(i)
	}
	return nil
}

// Lookup returns the value of the first field with that lower-case name, or nil.
// It compares names; for the known fields [Header.Get] is cheaper.
func (h *Header) Lookup(name string) []byte {
	for i := range h.fields {
		if !h.fields[i].dropped && equalFold(h.Name(i), name) {
			return h.Value(i)
		}
	}
	return nil
}

// Drop takes every field id out of what [Header.AppendFields] writes and reports
// how many there were.
func (h *Header) Drop(id FieldID) int {
	n := 0
	if h.Has(id) {
		for i := range h.fields {
			if h.fields[i].id == id && !h.fields[i].dropped {
				h.fields[i].dropped = true
				n++
			}
		}
	}
	return n
}

// DropAt takes field i out.
func (h *Header) DropAt(i int) { h.fields[i].dropped = true }

// DropNamed takes every field with that name, in any case, out.
func (h *Header) DropNamed(name []byte) {
	for i := range h.fields {
		if bytes.EqualFold(h.Name(i), name) {
			h.fields[i].dropped = true
		}
	}
}

// DropHopByHop takes out the fields that concern only this connection: those of
// RFC 9110 section 7.6.1, Transfer-Encoding, and every field that a Connection
// field nominates. Content-Length and Host cannot be nominated away: without the
// former the message would be framed anew by what a peer chose to say, and a
// proxy needs the latter (RFC 9110 section 7.6.1 speaks of fields that are meant
// for this connection; those two are not).
func (h *Header) DropHopByHop() {
	for i := h.Find(Connection); i >= 0; i = h.FindFrom(Connection, i+1) {
		rest := h.Value(i)
		for len(rest) > 0 {
			var token []byte
			token, rest = NextToken(rest)
			switch FieldIDOf(token) {
			case ContentLength, Host: // see above
			case Connection, KeepAlive, TE, TransferEncoding, Upgrade: // dropped below
			default:
				if len(token) > 0 && !equalFold(token, "close") {
					h.DropNamed(token)
				}
			}
		}
	}
	h.Drop(Connection)
	h.Drop(KeepAlive)
	h.Drop(ProxyConnection)
	h.Drop(ProxyAuthenticate)
	h.Drop(ProxyAuthorization)
	h.Drop(TE)
	h.Drop(TransferEncoding)
	h.Drop(Upgrade)
}

// DropAliases takes out the fields that are not, but in a backend that reads '_'
// or any other punctuation as '-' would pass for, one of the fields that Weir
// vouches for or strips (X_Forwarded_For for X-Forwarded-For). It returns their
// number.
func (h *Header) DropAliases() int {
	n := 0
	for i := range h.fields {
		f := &h.fields[i]
		if f.id != Other || f.dropped {
			continue
		}
		if f.odd && aliasOf(h.Name(i)) != Other {
			f.dropped = true
			n++
		}
	}
	return n
}

// AppendFields appends the kept lines, as they arrived and in their order, each
// with its CRLF. The empty line that ends a block is not appended.
func (h *Header) AppendFields(dst []byte) []byte {
	for i := 0; i < len(h.fields); {
		if h.fields[i].dropped {
			i++
			continue
		}
		// Lines lie side by side: a run of kept ones is one copy.
		start := h.fields[i].start
		for i++; i < len(h.fields) && !h.fields[i].dropped; i++ {
		}
		dst = append(dst, h.buf[start:h.fields[i-1].end]...)
	}
	return dst
}

// Rebase points the header at a copy of its bytes at the same offsets. The owner
// of the buffer calls it after it has grown or moved the buffer.
func (h *Header) Rebase(buf []byte) { h.buf = buf }

func (h *Header) reset() {
	h.buf = nil
	h.fields = h.fields[:0]
	h.seen = [len(h.seen)]uint64{}
}

func (h *Header) add(f Field) {
	h.seen[f.id/64] |= 1 << (f.id % 64)
	h.fields = append(h.fields, f)
}

// NextToken splits a comma-separated list (RFC 9110 section 5.6.1) after its
// first element, which is returned without surrounding white space and may be
// empty. It does not know quoted strings.
func NextToken(list []byte) (token, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		token, rest = list[:i], list[i+1:]
	} else {
		token = list
	}
	return trimOWS(token), rest
}

// HasToken reports whether the comma-separated list contains the lower-case
// token, in any case.
func HasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var t []byte
		t, list = NextToken(list)
		if equalFold(t, token) {
			return true
		}
	}
	return false
}

func trimOWS(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
