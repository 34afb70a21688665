package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
)

func TestApply(t *testing.T) {
	id := newIdentifier(t, twoKeys(), identity.Deps{})
	all := &identity.Principal{
		Attributes: identity.Attributes{Tenant: "acme", Tier: "vip"},
		MayAssert:  identity.AssertTenant | identity.AssertUser | identity.AssertTier | identity.AssertCampaign | identity.AssertBusiness | identity.AssertMode,
	}
	some := &identity.Principal{Attributes: all.Attributes, MayAssert: identity.AssertUser}
	f := func(p *identity.Principal, want identity.Attributes, wantDropped int, lines ...string) {
		t.Helper()
		r := request(t, "/", lines...)
		a, dropped, err := id.Apply(p, &r.Header)
		require.NoError(t, err)
		assert.Equal(t, want, a)
		assert.Equal(t, wantDropped, dropped)
	}
	f(all, all.Attributes, 0)
	f(all, identity.Attributes{Tenant: "t", User: "u", Tier: "i", Campaign: "c", Business: "b", Mode: "batch"}, 0,
		"X-Weir-Tenant: t", "x-weir-user: u", "X-Weir-Tier: i", "X-Weir-Campaign: c", "X-Weir-Business: b", "X-Weir-Mode: batch")
	f(all, identity.Attributes{Tenant: "acme", Tier: "vip", User: "ü €"}, 0, "X-Weir-User: ü €")
	f(all, all.Attributes, 0, "X-Weir-Tier:", "X-Weir-Mode:")
	f(some, identity.Attributes{Tenant: "acme", Tier: "vip", User: "u"}, 3,
		"X-Weir-Tenant: t", "X-Weir-Tenant: t", "X-Weir-User: u", "X-Weir-Mode: nonsense")
	f(some, all.Attributes, 0, "X-Weir-Timeout: 5s", "X-Weir-Else: x")

	bad := func(want string, lines ...string) {
		t.Helper()
		r := request(t, "/", lines...)
		_, _, err := id.Apply(all, &r.Header)
		require.ErrorIs(t, err, identity.ErrAssertion)
		assert.ErrorContains(t, err, want)
	}
	bad("X-Weir-mode must be realtime, interactive or batch", "X-Weir-Mode: Batch")
	bad("X-Weir-user occurs more than once", "X-Weir-User: u", "X-Weir-User: u")
	bad("X-Weir-user is longer than 256 bytes", "X-Weir-User: "+strings.Repeat("x", 257))
	bad("X-Weir-tier has control characters", "X-Weir-Tier: a\tb")
	bad("X-Weir-tier has control characters or invalid UTF-8", "X-Weir-Tier: a\xff")
}

func TestAssertedValuesOutliveTheRequest(t *testing.T) {
	id := newIdentifier(t, twoKeys(), identity.Deps{})
	p := &identity.Principal{MayAssert: identity.AssertUser}
	for i := range 20000 { // more than the table has slots
		want := fmt.Sprint("user-", i%7000)
		buf := []byte("GET / HTTP/1.1\r\nHost: h\r\nX-Weir-User: " + want + "\r\n\r\n")
		r := request(t, "/")
		r.Reset()
		_, err := r.Parse(buf, limits)
		require.NoError(t, err)
		a, _, err := id.Apply(p, &r.Header)
		require.NoError(t, err)
		for j := range buf {
			buf[j] = 0xdd
		}
		require.Equal(t, want, a.User)
	}
}
