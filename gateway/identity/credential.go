package identity

import (
	"bytes"

	"github.com/weir-gateway/weir/gateway/http1"
)

// maxPlaces bounds the fields that one credential may stand in.
const maxPlaces = 4

// Credential says where a request carried the credential that was accepted. The
// zero value is no credential. It holds positions, not the secret, and is valid
// as long as the request's header block.
type Credential struct {
	at    [maxPlaces]uint16 // indices of fields
	n     uint8
	query bool
}

// Presented reports whether there was a credential.
func (c *Credential) Presented() bool { return c.n > 0 || c.query }

// InQuery reports whether the credential stood in the query, so that the target
// has to be written by [Credential.AppendTarget].
func (c *Credential) InQuery() bool { return c.query }

// Remove drops the fields that carried the credential, and no others: an
// Authorization field of another scheme stays.
func (c *Credential) Remove(h *http1.Header) {
	for _, i := range c.at[:c.n] {
		h.DropAt(int(i))
	}
}

// AppendTarget appends the request target without the credential. Whatever else
// is in the query keeps its bytes and its order.
func (c *Credential) AppendTarget(dst, target []byte) []byte {
	mark := bytes.IndexByte(target, '?')
	if !c.query || mark < 0 {
		return append(dst, target...)
	}
	dst = append(dst, target[:mark]...)
	sep := byte('?')
	for rest := target[mark+1:]; rest != nil; {
		var param []byte
		param, rest = nextParam(rest)
		if name, _, _ := bytes.Cut(param, equalsSign); isKeyName(name) {
			continue
		}
		dst = append(append(dst, sep), param...)
		sep = '&'
	}
	return dst
}

// presented is what a request offers as a credential.
type presented struct {
	secret []byte
	where  Credential
}

// findCredential collects the credential fields of a request. Equal values count
// as one credential; different ones are an error, since the caller would not be
// who some part of the system takes it for.
func findCredential(h *http1.Header, query []byte) (p presented, err error) {
	if h.Has(http1.Authorization) || h.Has(http1.XAPIKey) || h.Has(http1.APIKey) || h.Has(http1.XGoogAPIKey) {
		for i := range h.Len() {
			if secret := secretOf(h, i); len(secret) > 0 {
				if err := p.add(secret, i); err != nil {
					return presented{}, err
				}
			}
		}
	}
	return p, nil
}

// secretOf returns what field i offers as a credential. Empty values and other
// schemes than Bearer offer nothing and pass as they are.
func secretOf(h *http1.Header, i int) []byte {
	if h.Dropped(i) {
		return nil
	}
	switch h.ID(i) {
	case http1.Authorization:
		return bearer(h.Value(i))
	case http1.XAPIKey, http1.APIKey, http1.XGoogAPIKey:
		return h.Value(i)
	}
	return nil
}

// bearer returns the token of a bearer credential (RFC 6750 section 2.1), or nil.
func bearer(value []byte) []byte {
	const scheme = "bearer"
	if len(value) <= len(scheme) || value[len(scheme)] != ' ' || !http1.EqualFold(value[:len(scheme)], scheme) {
		return nil
	}
	return bytes.Trim(value[len(scheme):], " \t")
}

func (p *presented) add(secret []byte, i int) error {
	if p.where.n > 0 && !bytes.Equal(p.secret, secret) {
		return ErrAmbiguousCredential
	}
	if p.where.n == maxPlaces {
		return ErrAmbiguousCredential
	}
	p.secret = secret
	p.where.at[p.where.n] = uint16(i)
	p.where.n++
	return nil
}

var equalsSign = []byte{'='}

// nextParam splits a query after its first parameter; rest is nil at the end.
func nextParam(query []byte) (param, rest []byte) {
	if i := bytes.IndexByte(query, '&'); i >= 0 {
		return query[:i], query[i+1:]
	}
	return query, nil
}

// isKeyName recognises the parameter key, also when it is percent-encoded: the
// upstream would decode it.
func isKeyName(name []byte) bool {
	if len(name) == len("key") {
		return string(name) == "key"
	}
	if len(name) < len("key") || len(name) > 3*len("key") {
		return false
	}
	var buf [3 * len("key")]byte
	decoded, ok := unescapeQuery(buf[:0], name)
	return ok && string(decoded) == "key"
}

// nextKey returns the value of the next parameter key in query that has one,
// decoded into the empty buf where it needs decoding, and what follows it. The
// value is nil at the end.
func nextKey(buf, query []byte) (value, rest []byte) {
	for rest = query; rest != nil; {
		var param []byte
		param, rest = nextParam(rest)
		name, value, _ := bytes.Cut(param, equalsSign)
		if len(value) == 0 || !isKeyName(name) {
			continue
		}
		if bytes.IndexByte(value, '%') >= 0 || bytes.IndexByte(value, '+') >= 0 {
			if decoded, ok := unescapeQuery(buf, value); ok {
				value = decoded
			}
		}
		return value, rest
	}
	return nil, nil
}

// unescapeQuery appends the decoded form of a query component; ok is false when
// it is malformed.
func unescapeQuery(dst, s []byte) (_ []byte, ok bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			dst = append(dst, ' ')
		case '%':
			if i+2 >= len(s) {
				return dst, false
			}
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi > 15 || lo > 15 {
				return dst, false
			}
			dst = append(dst, hi<<4|lo)
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst, true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
