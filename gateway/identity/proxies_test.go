package identity_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
)

func proxies(t testing.TB) *identity.Proxies {
	p, err := identity.CompileProxies([]string{"10.0.0.0/8", "fd00::/8", "192.0.2.7", "::ffff:172.16.0.0/108"})
	require.NoError(t, err)
	return p
}

func TestTrusted(t *testing.T) {
	p := proxies(t)
	for addr, want := range map[string]bool{
		"10.2.3.4": true, "::ffff:10.2.3.4": true, "11.0.0.1": false, "fd12::1": true, "fd12::1%eth0": true, "fe80::1": false,
		"192.0.2.7": true, "192.0.2.8": false, "172.16.9.9": true, "172.32.0.1": false,
	} {
		assert.Equal(t, want, p.Trusted(netip.MustParseAddr(addr)), addr)
	}
	assert.False(t, p.Trusted(netip.Addr{}))
	assert.False(t, (*identity.Proxies)(nil).Trusted(netip.MustParseAddr("10.0.0.1")))
	for _, bad := range []string{"10.0.0.0/33", "x", "", "10.0.0.1/8", "fe80::1%eth0"} {
		_, err := identity.CompileProxies([]string{bad})
		assert.Error(t, err, bad)
	}
}

func TestClientAddr(t *testing.T) {
	p := proxies(t)
	f := func(want, peer string, lines ...string) {
		t.Helper()
		r := request(t, "/", lines...)
		assert.Equal(t, want, p.ClientAddr(netip.MustParseAddr(peer), &r.Header).String(), lines)
	}
	f("203.0.113.9", "203.0.113.9", "X-Forwarded-For: 1.2.3.4")
	f("10.0.0.1", "10.0.0.1")
	f("1.2.3.4", "10.0.0.1", "X-Forwarded-For: 1.2.3.4")
	f("1.2.3.4", "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2")
	f("1.2.3.4", "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4", "X-Forwarded-For: 10.0.0.2")
	f("10.0.0.3", "10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2")
	f("10.0.0.2", "10.0.0.1", "X-Forwarded-For: 6.6.6.6, nonsense, 10.0.0.2")
	f("10.0.0.1", "10.0.0.1", "X-Forwarded-For:")
	f("1.2.3.4", "10.0.0.1", "X-Forwarded-For: 1.2.3.4:5678")
	f("2001:db8::1", "10.0.0.1", "X-Forwarded-For: [2001:db8::1]:5678")
	f("2001:db8::1", "fd00::1", "X-Forwarded-For: 2001:db8::1")
	f("1.2.3.4", "10.0.0.1", "X-Forwarded-For: ::ffff:1.2.3.4")
	f("10.0.0.1", "10.0.0.1", "X-Forwarded-For: [2001:db8::1")
	f("10.0.0.1", "10.0.0.1", "X-Forwarded-For: fe80::1%25eth0")
	f("1.2.3.4", "10.0.0.1", "Forwarded: for=1.2.3.4")
	f("2001:db8::1", "10.0.0.1", `Forwarded: for=6.6.6.6, proto=https;FOR="[2001:db8::1]:80";by=x, for=10.0.0.2`)
	f("10.0.0.2", "10.0.0.1", `Forwarded: for=_hidden, for="10.0.0.2:80"`)
	f("10.0.0.1", "10.0.0.1", `Forwarded: proto=http`)
	f("1.2.3.4", "10.0.0.1", "Forwarded: for=6.6.6.6", "X-Forwarded-For: 1.2.3.4")
}

func TestAppendForwarded(t *testing.T) {
	p := proxies(t)
	f := func(peer, host string, lines []string, want ...string) {
		t.Helper()
		r := request(t, "/", lines...)
		hop := identity.Hop{Scheme: "https", Host: []byte(host)}
		if peer != "" {
			hop.Peer = netip.MustParseAddr(peer)
		}
		first := string(p.AppendForwarded(nil, &r.Header, hop))
		assert.Equal(t, want, append(strings.Split(strings.TrimSuffix(first, "\r\n"), "\r\n"), kept(r)...))
		assert.Equal(t, first, string(p.AppendForwarded(nil, &r.Header, hop)), "another attempt writes the same")
	}
	f("203.0.113.9", "gw", []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: ftp", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6", "A: b"},
		"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: gw", "Forwarded: for=203.0.113.9;host=gw;proto=https", "A: b")
	f("10.0.0.1", "gw:8080", []string{"X-Forwarded-For: 1.2.3.4", "A: b", "X-Forwarded-For: 10.0.0.9", "X-Forwarded-Port: 1", "X-Real-IP: 1.2.3.4"},
		"X-Forwarded-For: 1.2.3.4, 10.0.0.9, 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: gw:8080",
		`Forwarded: for=10.0.0.1;host="gw:8080";proto=https`, "A: b", "X-Forwarded-Port: 1", "X-Real-IP: 1.2.3.4")
	f("fd00::1", "gw", []string{"X-Forwarded-Proto: http", "X-Forwarded-Host: shop", "Forwarded: for=1.2.3.4", `Forwarded: for="x`, "A: b"},
		"X-Forwarded-For: fd00::1", `Forwarded: for=1.2.3.4, for="[fd00::1]";host=gw;proto=https`, "X-Forwarded-Proto: http", "X-Forwarded-Host: shop", "A: b")
	f("::ffff:10.0.0.1", "", []string{"A: b"}, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "Forwarded: for=10.0.0.1;proto=https", "A: b")
	f("", "gw", []string{"X-Forwarded-For: 6.6.6.6", "A: b"},
		"X-Forwarded-For: unknown", "X-Forwarded-Proto: https", "X-Forwarded-Host: gw", "Forwarded: for=unknown;host=gw;proto=https", "A: b")
}

// FuzzClientAddr looks for panics, and for an untrusted hop being passed over.
func FuzzClientAddr(f *testing.F) {
	p := proxies(f)
	f.Add("X-Forwarded-For", "1.2.3.4, [::1]:80")
	f.Add("Forwarded", "for=1.2.3.4")
	f.Add("ForwArded", "for=[0::]")
	f.Add("Forwarded", `for="[2001:db8::1]:80";proto=https, for=_x`)
	f.Fuzz(func(t *testing.T, name, value string) {
		r := &http1.Request{}
		text := "GET / HTTP/1.1\r\nHost: h\r\n" + name + ": " + value + "\r\n\r\n"
		if n, err := r.Parse([]byte(text), limits); err != nil || n != len(text) {
			return
		}
		peer := netip.MustParseAddr("10.0.0.1")
		require.True(t, p.ClientAddr(peer, &r.Header).IsValid())
		out := p.AppendForwarded(nil, &r.Header, identity.Hop{Peer: peer, Scheme: "http", Host: []byte("h")})
		var again http1.Request
		text = "GET / HTTP/1.1\r\nHost: h\r\n" + string(out) + "\r\n"
		n, err := again.Parse([]byte(text), limits)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		next := netip.MustParseAddr("10.9.9.9")
		require.Equal(t, p.ClientAddr(peer, &r.Header), p.ClientAddr(next, &again.Header), "the next hop sees the same client")
	})
}
