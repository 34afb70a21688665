package identity

import (
	"bytes"
	"net/netip"

	"github.com/weir-gateway/weir/gateway/http1"
)

// Hop is what Weir itself knows about how a request arrived.
type Hop struct {
	// Peer is the address of the connection's other end. The zero Addr (a Unix
	// socket) is written as unknown.
	Peer netip.Addr
	// Scheme is http or https.
	Scheme string
	// Host is the authority that the client asked for, with its port.
	Host []byte
}

// AppendForwarded appends the field lines that tell the upstream who asked:
// X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239), and drops from h the
// lines that they replace.
//
// From a peer that is not trusted, everything of the kind that came with the
// request is dropped, other X-Forwarded-* and X-Real-IP included, and the fields
// are set anew. From a trusted peer, X-Forwarded-For and Forwarded are continued
// (repeated lines become one), -Proto and -Host are set only if they are absent,
// and the others pass.
//
// It has to come before [http1.Header.AppendFields]. It reads h as it arrived,
// dropped or not, so calling it again for another attempt writes the same; for
// the same reason a Connection field cannot nominate these fields away.
func (p *Proxies) AppendForwarded(dst []byte, h *http1.Header, hop Hop) []byte {
	hop.Peer = hop.Peer.Unmap().WithZone("")
	trusted := p.Trusted(hop.Peer)
	if !trusted {
		p.Drop(h)
	}
	dst = append(dst, "X-Forwarded-For: "...)
	if trusted {
		dst = appendValues(dst, h, http1.XForwardedFor)
		dst = p.appendForwardedClient(dst, h, hop.Peer)
	}
	dst = appendAddr(dst, hop.Peer)
	h.Drop(http1.XForwardedFor)
	if !trusted || !h.Has(http1.XForwardedProto) {
		dst = append(dst, "\r\nX-Forwarded-Proto: "...)
		dst = append(dst, hop.Scheme...)
	}
	if len(hop.Host) > 0 && (!trusted || !h.Has(http1.XForwardedHost)) {
		dst = append(dst, "\r\nX-Forwarded-Host: "...)
		dst = append(dst, hop.Host...)
	}
	dst = append(dst, "\r\nForwarded: "...)
	if trusted {
		dst = appendForwardedValues(dst, h)
	}
	dst = appendElement(dst, hop)
	h.Drop(http1.Forwarded)
	return append(dst, "\r\n"...)
}

// Drop takes every forwarding field out of h: X-Forwarded-*, Forwarded and
// X-Real-IP.
func (p *Proxies) Drop(h *http1.Header) {
	for _, id := range forwardingFields {
		h.Drop(id)
	}
}

var forwardingFields = [...]http1.FieldID{
	http1.XForwardedFor, http1.XForwardedHost, http1.XForwardedProto, http1.XForwardedOther,
	http1.Forwarded, http1.XRealIP,
}

// appendForwardedClient starts X-Forwarded-For with the client when the trusted
// peer told it by Forwarded alone. The next hop, which prefers X-Forwarded-For,
// would otherwise take the peer for the client.
func (p *Proxies) appendForwardedClient(dst []byte, h *http1.Header, peer netip.Addr) []byte {
	if h.Has(http1.XForwardedFor) || !h.Has(http1.Forwarded) {
		return dst
	}
	client := p.ClientAddr(peer, h)
	if client == peer {
		return dst
	}
	return append(appendAddr(dst, client), ", "...)
}

// appendValues appends the values of field id, each with ", " behind it.
func appendValues(dst []byte, h *http1.Header, id http1.FieldID) []byte {
	if !h.Has(id) {
		return dst
	}
	for i := range h.Len() {
		if h.ID(i) == id && len(h.Value(i)) > 0 {
			dst = append(append(dst, h.Value(i)...), ", "...)
		}
	}
	return dst
}

// appendForwardedValues leaves out a value whose quotes are not balanced: it
// would swallow the element behind it.
func appendForwardedValues(dst []byte, h *http1.Header) []byte {
	if !h.Has(http1.Forwarded) {
		return dst
	}
	for i := range h.Len() {
		if h.ID(i) != http1.Forwarded {
			continue
		}
		if v := h.Value(i); len(v) > 0 && quotesBalanced(v) {
			dst = append(append(dst, v...), ", "...)
		}
	}
	return dst
}

func quotesBalanced(v []byte) bool {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '"':
			quoted = !quoted
		case v[i] == '\\' && quoted:
			i++
		}
	}
	return !quoted
}

// appendElement appends a Forwarded element. An IPv6 address is written in
// brackets and quotes (RFC 7239 section 6), a host with a port in quotes.
func appendElement(dst []byte, hop Hop) []byte {
	dst = append(dst, "for="...)
	if hop.Peer.Is6() {
		dst = append(dst, `"[`...)
		dst = hop.Peer.AppendTo(dst)
		dst = append(dst, `]"`...)
	} else {
		dst = appendAddr(dst, hop.Peer)
	}
	if len(hop.Host) > 0 {
		dst = append(dst, ";host="...)
		if bytes.ContainsAny(hop.Host, ":[]") {
			dst = append(append(append(dst, '"'), hop.Host...), '"')
		} else {
			dst = append(dst, hop.Host...)
		}
	}
	dst = append(dst, ";proto="...)
	return append(dst, hop.Scheme...)
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(dst, "unknown"...)
	}
	return a.AppendTo(dst)
}
