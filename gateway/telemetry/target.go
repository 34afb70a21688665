package telemetry

import "bytes"

// mask is written in place of a secret.
const mask = "***"

// secretParams are the query parameters whose values are masked, in lower case.
var secretParams = [...]string{
	"key", "api_key", "apikey", "api-key", "x-api-key", "token", "access_token", "refresh_token", "id_token",
	"auth", "authorization", "password", "passwd", "pwd", "secret", "client_secret", "sig", "signature",
	"x-amz-signature", "x-amz-security-token", "x-goog-signature",
}

// maxSecretName is longer than any of secretParams.
const maxSecretName = 24

// AppendMaskedTarget appends a request target in which secrets are replaced by
// ***: the values of query parameters whose name, percent-decoded and in any
// case, says that they hold one, and the user information of an absolute target.
// It allocates nothing unless dst is too small.
func AppendMaskedTarget(dst, target []byte) []byte {
	s := targetScan{rest: target, start: true}
	for s.next() {
		dst = append(dst, s.open...)
		if s.secret {
			dst = append(dst, mask...)
		}
	}
	return dst
}

// appendTargetField is AppendMaskedTarget into a JSON string.
func appendTargetField(b []byte, key string, target []byte) []byte {
	if len(target) == 0 {
		return b
	}
	b = append(b, key...)
	b = append(b, '"')
	cut := clip(target, maxTarget)
	s := targetScan{rest: cut, start: true}
	for s.next() {
		b = appendEscaped(b, s.open)
		if s.secret {
			b = append(b, mask...)
		}
	}
	if len(cut) < len(target) {
		b = append(b, "..."...)
	}
	return append(b, '"')
}

// targetScan takes a target apart into what may be shown and what may not.
type targetScan struct {
	rest         []byte
	start, query bool // of rest: nothing was read before it; it is within the query

	open   []byte // to be shown
	secret bool   // something to be masked came after open
}

// next moves on by one run of open text and the secret behind it, if there is one.
func (s *targetScan) next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.secret = false
	if s.start {
		s.start = false
		if s.userInfo() {
			return true
		}
	}
	at := 0
	if !s.query {
		at = bytes.IndexByte(s.rest, '?') + 1
		if at == 0 {
			s.show(len(s.rest))
			return true
		}
		s.query = true
	}
	s.params(at)
	return true
}

// params goes on to the next secret value from a position in the query.
//
// Some servers take ; for a separator and some do not. A name may begin after
// one, and a secret goes on past it: that hides too much for the former, and
// nothing too little for either.
func (s *targetScan) params(at int) {
	for at < len(s.rest) {
		param := s.rest[at:]
		if end := bytes.IndexAny(param, "&;?"); end >= 0 {
			param = param[:end]
		}
		if eq := bytes.IndexByte(param, '='); eq >= 0 && isSecretName(param[:eq]) {
			from := at + eq + 1
			if to := valueEnd(s.rest, from); to > from {
				s.hide(from, to)
				return
			}
		}
		at += len(param) + 1
	}
	s.show(len(s.rest))
}

func valueEnd(q []byte, at int) int {
	if n := bytes.IndexByte(q[at:], '&'); n >= 0 {
		return at + n
	}
	return len(q)
}

// userInfo hides what stands before the @ of an absolute target.
func (s *targetScan) userInfo() bool {
	if s.rest[0] == '/' {
		return false
	}
	scheme := bytes.Index(s.rest, []byte("://"))
	if scheme < 0 {
		return false
	}
	from := scheme + len("://")
	authority := s.rest[from:]
	if end := bytes.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	at := bytes.LastIndexByte(authority, '@')
	if at <= 0 {
		return false
	}
	s.hide(from, from+at)
	return true
}

func (s *targetScan) show(n int) { s.open, s.rest = s.rest[:n], s.rest[n:] }

func (s *targetScan) hide(from, to int) {
	s.open, s.rest, s.secret = s.rest[:from], s.rest[to:], true
}

// isSecretName compares a parameter's name with secretParams as a server would
// read it: percent-decoded, and without an index in brackets.
func isSecretName(raw []byte) bool {
	var name [maxSecretName]byte
	n := 0
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]) {
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		if c == '[' {
			break
		}
		if n == len(name) {
			return false
		}
		name[n] = lower(c)
		n++
	}
	for _, s := range secretParams {
		if string(name[:n]) == s {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || lower(c) >= 'a' && lower(c) <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
