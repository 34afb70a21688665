package routing

import (
	"bytes"
	"encoding/json"
	"errors"
)

// What makes [ScanBody] refuse a body.
var (
	// ErrDuplicateKey means that a member of the top level is there twice (400).
	ErrDuplicateKey = errors.New("the JSON body has the same key twice at its top level")
	// ErrTooManyKeys means that the top level has more than 1024 members (400).
	ErrTooManyKeys = errors.New("the JSON body has more than 1024 keys at its top level")
)

// BodyFacts is what Weir reads of an LLM request.
type BodyFacts struct {
	// Model is the value of model, or nil. It aliases the body unless it has
	// escapes in it.
	Model []byte
	// MaxTokens is the largest of max_tokens, max_completion_tokens and
	// max_output_tokens, or 0.
	MaxTokens int64
	// Stream tells that stream is true.
	Stream bool
	// Valid tells that the whole body was one JSON object as far as this scan
	// looks: brackets match and nothing follows. The upstream has the last word.
	Valid bool
}

const (
	maxBodyKeys  = 1024
	maxBodyDepth = 10000
)

// ScanBody reads the members of the top level of a JSON object in one pass. With
// complete unset, body is the start of a longer one, and the facts are those that
// are certain by then.
//
// Keys are compared after their escapes are decoded. For the members that Weir
// reads, a second spelling in other letters counts as the same key, since some
// JSON libraries do not tell them apart. The only errors are [ErrDuplicateKey]
// and [ErrTooManyKeys]; a body that is not valid JSON, or not an object, is left
// to the upstream to complain about. Nothing is allocated for bodies with up to 32
// members and without escapes in what is read.
func ScanBody(body []byte, complete bool) (BodyFacts, error) {
	s := bodyScan{body: body, complete: complete}
	err := s.object()
	return s.facts, err
}

// bodyScan is a position in a body. Methods that move it report false when the
// body ends or stops making sense, and then nothing more is read.
type bodyScan struct {
	body     []byte
	at       int
	complete bool
	facts    BodyFacts
	keys     keySet
	read     member // members that Weir reads and that have occurred
}

// member is a set of members that Weir reads.
type member uint8

const (
	memberModel member = 1 << iota
	memberStream
	memberMaxTokens
	memberMaxCompletionTokens
	memberMaxOutputTokens
)

var members = [...]struct {
	name   string
	member member
}{
	{"model", memberModel},
	{"stream", memberStream},
	{"max_tokens", memberMaxTokens},
	{"max_completion_tokens", memberMaxCompletionTokens},
	{"max_output_tokens", memberMaxOutputTokens},
}

func (s *bodyScan) object() error {
	if !s.expect('{') {
		return nil
	}
	if s.peek() == '}' {
		s.at++
		s.end()
		return nil
	}
	for {
		key, ok := s.key()
		if !ok {
			return nil
		}
		m, err := s.admit(key)
		if err != nil {
			return err
		}
		if !s.expect(':') || !s.value(m) {
			return nil
		}
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			s.end()
			return nil
		default:
			return nil
		}
	}
}

// end decides whether the body is whole.
func (s *bodyScan) end() {
	s.space()
	s.facts.Valid = s.complete && s.at == len(s.body)
}

func (s *bodyScan) space() {
	for s.at < len(s.body) {
		switch s.body[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, or 0 at the end.
func (s *bodyScan) peek() byte {
	s.space()
	if s.at == len(s.body) {
		return 0
	}
	return s.body[s.at]
}

func (s *bodyScan) expect(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// text reads a string and returns what is between the quotes.
func (s *bodyScan) text() (raw []byte, escaped, ok bool) {
	if !s.expect('"') {
		return nil, false, false
	}
	start := s.at
	end := stringEnd(s.body, start)
	if end < 0 {
		return nil, false, false
	}
	s.at = end + 1
	raw = s.body[start:end:end]
	return raw, bytes.IndexByte(raw, '\\') >= 0, true
}

// key reads a member's name with its escapes decoded.
func (s *bodyScan) key() ([]byte, bool) {
	raw, escaped, ok := s.text()
	if ok && escaped {
		return unescape(raw)
	}
	return raw, ok
}

// unescape decodes the escapes of a string. It is rare in what Weir reads, so
// encoding/json may do it; half of a surrogate pair becomes U+FFFD.
func unescape(raw []byte) ([]byte, bool) {
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var decoded string
	if json.Unmarshal(quoted, &decoded) != nil {
		return nil, false
	}
	return []byte(decoded), true
}

// admit notes a key and says which of Weir's members it is.
func (s *bodyScan) admit(key []byte) (m member, err error) {
	if err := s.keys.add(key); err != nil {
		return 0, err
	}
	m, exact := memberNamed(key)
	if s.read&m != 0 {
		return 0, ErrDuplicateKey
	}
	s.read |= m
	if !exact {
		m = 0
	}
	return m, nil
}

// memberNamed finds the member with that name, or with that name in other
// letters.
func memberNamed(key []byte) (m member, exact bool) {
	for i := range members {
		if string(key) == members[i].name {
			return members[i].member, true
		}
	}
	if !hasOtherLetters(key) {
		return 0, false
	}
	for i := range members {
		if bytes.EqualFold(key, []byte(members[i].name)) {
			return members[i].member, false
		}
	}
	return 0, false
}

func hasOtherLetters(key []byte) bool {
	for _, c := range key {
		if ('A' <= c && c <= 'Z') || c >= 0x80 {
			return true
		}
	}
	return false
}

// value reads a member's value if it matters, or skips it.
func (s *bodyScan) value(m member) bool {
	c := s.peek()
	switch {
	case m == memberModel && c == '"':
		raw, escaped, ok := s.text()
		if ok && escaped {
			raw, ok = unescape(raw)
		}
		if ok {
			s.facts.Model = raw
		}
		return ok
	case c == '"':
		end := stringEnd(s.body, s.at+1)
		s.at = end + 1
		return end >= 0
	case c == '{' || c == '[':
		return s.skipNested()
	}
	return s.plain(m)
}

// plain reads a number, true, false or null.
func (s *bodyScan) plain(m member) bool {
	start := s.at
	for s.at < len(s.body) && !endsPlain(s.body[s.at]) {
		s.at++
	}
	// At the end of a part of a body, there may be more of it.
	if s.at == start || s.at == len(s.body) {
		return false
	}
	text := s.body[start:s.at]
	switch {
	case m == memberStream:
		s.facts.Stream = string(text) == "true"
	case m != 0 && m != memberModel:
		s.facts.MaxTokens = max(s.facts.MaxTokens, parseCount(text))
	}
	return true
}

func endsPlain(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\n', '\t', '\r', '"', ':', '{', '[':
		return true
	}
	return false
}

// parseCount reads an integer that is not negative and has at most 18 digits;
// anything else is 0.
func parseCount(text []byte) (n int64) {
	if len(text) > 18 {
		return 0
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	return n
}
