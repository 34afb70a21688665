package identity_test

import (
	"net/netip"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
)

func tokenIdentifier(t testing.TB, alg jwa.SignatureAlgorithm) (*identity.Identifier, string) {
	key := newKey(t, "1", alg)
	p := &provider{}
	p.publish(t, key)
	id := newIdentifier(t, tokenConfig(), p.deps())
	return id, sign(t, key, alg, goodClaims())
}

func BenchmarkIdentify(b *testing.B) {
	keys := newIdentifier(b, twoKeys(), identity.Deps{})
	tokens, token := tokenIdentifier(b, jwa.RS256())
	for name, c := range map[string]struct {
		id     *identity.Identifier
		target string
		line   string
	}{
		"key":       {keys, "/v1/chat", "Authorization: Bearer crm-key"},
		"query":     {keys, "/v1/chat?alt=sse&key=crm-key", "Accept: */*"},
		"anonymous": {keys, "/v1/chat", "Accept: */*"},
		"token":     {tokens, "/v1/chat", "Authorization: Bearer " + token},
	} {
		b.Run(name, func(b *testing.B) {
			r := request(b, c.target, "User-Agent: bench", "Accept: */*", "Content-Type: application/json", c.line)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.id.Identify(&r.Header, r.Query()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	id := newIdentifier(b, twoKeys(), identity.Deps{})
	p := &identity.Principal{MayAssert: identity.AssertUser | identity.AssertMode | identity.AssertCampaign}
	for name, lines := range map[string][]string{
		"none":  nil,
		"three": {"X-Weir-User: u-123456", "X-Weir-Mode: batch", "X-Weir-Campaign: spring-2026"},
	} {
		b.Run(name, func(b *testing.B) {
			r := request(b, "/", lines...)
			b.ReportAllocs()
			for b.Loop() {
				id.Apply(p, &r.Header)
			}
		})
	}
}

func BenchmarkForwarding(b *testing.B) {
	p := proxies(b)
	r := request(b, "/", "X-Forwarded-For: 1.2.3.4, 10.0.0.9", "Forwarded: for=1.2.3.4")
	hop := identity.Hop{Peer: netip.MustParseAddr("10.0.0.1"), Scheme: "https", Host: []byte("gw:8080")}
	buf := make([]byte, 0, 1024)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.AppendForwarded(buf, &r.Header, hop)
		}
	})
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.ClientAddr(hop.Peer, &r.Header)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	keys := newIdentifier(t, twoKeys(), identity.Deps{})
	tokens, token := tokenIdentifier(t, jwa.ES256())
	byKey, byQuery := request(t, "/", "Authorization: Bearer crm-key"), request(t, "/?a=b&key=crm%2Dkey")
	byToken, unknown := request(t, "/", "Authorization: Bearer "+token), request(t, "/", "x-api-key: nope")
	asserting := request(t, "/", "X-Weir-User: u-123456", "X-Weir-Campaign: spring")
	forwarded := request(t, "/", "X-Forwarded-For: 1.2.3.4, 10.0.0.9, 2001:db8::1", `Forwarded: for="[2001:db8::1]"`)
	p := &identity.Principal{MayAssert: identity.AssertUser | identity.AssertCampaign}
	trusted := proxies(t)
	hop := identity.Hop{Peer: netip.MustParseAddr("fd00::1"), Scheme: "https", Host: []byte("gw:8080")}
	buf := make([]byte, 0, 1024)
	for name, f := range map[string]func(){
		"key":     func() { _, _, err := keys.Identify(&byKey.Header, nil); require.NoError(t, err) },
		"query":   func() { _, _, err := keys.Identify(&byQuery.Header, byQuery.Query()); require.NoError(t, err) },
		"token":   func() { _, _, err := tokens.Identify(&byToken.Header, nil); require.NoError(t, err) },
		"unknown": func() { _, _, err := keys.Identify(&unknown.Header, nil); require.Error(t, err) },
		"apply":   func() { _, _, err := keys.Apply(p, &asserting.Header); require.NoError(t, err) },
		"append":  func() { trusted.AppendForwarded(buf, &forwarded.Header, hop) },
		"client":  func() { trusted.ClientAddr(hop.Peer, &forwarded.Header) },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}
