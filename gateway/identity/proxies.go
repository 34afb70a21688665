package identity

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"unsafe"

	"github.com/weir-gateway/weir/gateway/http1"
)

// Proxies are the peers whose forwarding fields are believed. It is immutable; a
// nil Proxies trusts nobody.
type Proxies struct {
	nets []netip.Prefix
}

// CompileProxies compiles networks in CIDR notation and single addresses. Errors
// are [*FieldError], joined.
func CompileProxies(networks []string) (*Proxies, error) {
	p := &Proxies{}
	for i, s := range networks {
		prefix, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); addrErr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || strings.Contains(s, "%") {
			return nil, fault("trusted_proxies["+itoa(i)+"]", "%q is not a network such as 10.0.0.0/8 or fd00::/8", s)
		}
		if prefix != prefix.Masked() {
			return nil, fault("trusted_proxies["+itoa(i)+"]", "%q has bits set beyond its prefix; use %s", s, prefix.Masked())
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		p.nets = append(p.nets, prefix)
	}
	return p, nil
}

// Trusted reports whether a peer's forwarding fields are believed.
func (p *Proxies) Trusted(addr netip.Addr) bool {
	if p == nil || len(p.nets) == 0 {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p.nets, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// ClientAddr returns the address of the client behind trusted proxies: the last
// hop in X-Forwarded-For that is not trusted itself or, without that field, in
// Forwarded. What cannot be read ends the walk at the hop that reported it. A
// trusted proxy has to set or remove the field that it does not use, or its
// clients choose their address.
//
// The result does not depend on fields having been dropped.
func (p *Proxies) ClientAddr(peer netip.Addr, h *http1.Header) netip.Addr {
	if !p.Trusted(peer) {
		return peer
	}
	id, hop := http1.XForwardedFor, addrOfHop
	if !h.Has(id) {
		if id, hop = http1.Forwarded, addrOfElement; !h.Has(id) {
			return peer
		}
	}
	client := peer
	for i := h.Len() - 1; i >= 0; i-- {
		if h.ID(i) != id {
			continue
		}
		for rest := h.Value(i); rest != nil; {
			var item []byte
			rest, item = lastItem(rest)
			addr, ok := hop(item)
			if !ok {
				return client
			}
			client = addr
			if !p.Trusted(addr) {
				return client
			}
		}
	}
	return client
}

// lastItem splits the last element off a comma-separated list; rest is nil when
// it was the only one. Commas within quotes do not occur in what is looked for:
// an address.
func lastItem(list []byte) (rest, item []byte) {
	i := bytes.LastIndexByte(list, ',')
	if i < 0 {
		return nil, bytes.Trim(list, " \t")
	}
	return list[:i], bytes.Trim(list[i+1:], " \t")
}

// addrOfElement reads the for parameter of a Forwarded element (RFC 7239 section
// 4).
func addrOfElement(element []byte) (netip.Addr, bool) {
	for element != nil {
		var pair []byte
		if i := bytes.IndexByte(element, ';'); i >= 0 {
			pair, element = element[:i], element[i+1:]
		} else {
			pair, element = element, nil
		}
		name, value, _ := bytes.Cut(bytes.Trim(pair, " \t"), equalsSign)
		if http1.EqualFold(name, "for") {
			if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			return addrOfHop(value)
		}
	}
	return netip.Addr{}, false
}

// addrOfHop reads 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] and
// [2001:db8::1]:80.
func addrOfHop(b []byte) (netip.Addr, bool) {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || (end+1 < len(b) && b[end+1] != ':') {
			return netip.Addr{}, false
		}
		b = b[1:end]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 && bytes.LastIndexByte(b, ':') == i {
		b = b[:i]
	}
	// A zone means something only on the host that wrote it. The longest address
	// is 45 bytes.
	if len(b) == 0 || len(b) > 45 || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	// ParseAddr keeps its argument only in errors, which end here, and for zones,
	// which were excluded: the string does not outlive the buffer.
	addr, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b)))
	return addr.Unmap(), err == nil
}
