package identity_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
)

func twoKeys() identity.Config {
	return identity.Config{
		APIKeys: []identity.APIKey{
			{Name: "crm", SHA256: sha("crm-key"), Attributes: identity.Attributes{Tenant: "acme", Tier: "vip"}, MayAssert: []string{"user", "campaign", "mode"}},
			{Name: "crm", SHA256: strings.ToUpper(sha("crm-key-2"))},
			{Name: "edge", SHA256: sha("edge-key"), MayAssert: []string{"request_id"}},
		},
		Anonymous: identity.Anonymous{Attributes: identity.Attributes{Tenant: "public"}},
	}
}

func TestWhereCredentialsAreFound(t *testing.T) {
	id := newIdentifier(t, twoKeys(), identity.Deps{})
	f := func(name string, wantErr error, wantTarget string, target string, lines []string, wantKept ...string) {
		t.Helper()
		r := request(t, target, lines...)
		p, c, err := id.Identify(&r.Header, r.Query())
		require.ErrorIs(t, err, wantErr)
		if err != nil {
			return
		}
		assert.Equal(t, name, p.Name)
		assert.Equal(t, name != "anonymous", c.Presented())
		c.Remove(&r.Header)
		assert.Equal(t, wantKept, kept(r)[:len(kept(r)):len(kept(r))], lines)
		assert.Equal(t, wantTarget, string(c.AppendTarget(nil, r.Target())))
	}
	f("crm", nil, "/", "/", []string{"Authorization: Bearer crm-key", "Accept: */*"}, "Accept: */*")
	f("crm", nil, "/", "/", []string{"authorization: bEaReR   crm-key-2", "A: b"}, "A: b")
	f("crm", nil, "/", "/", []string{"X-Api-Key: crm-key", "A: b"}, "A: b")
	f("crm", nil, "/", "/", []string{"api-key: crm-key", "A: b"}, "A: b")
	f("crm", nil, "/?a=1", "/?a=1", []string{"x-goog-api-key: crm-key", "A: b"}, "A: b")
	f("crm", nil, "/x?a=1&b=2", "/x?a=1&key=crm-key&b=2", []string{"A: b"}, "A: b")
	f("crm", nil, "/x?b=2", "/x?key=crm-key&b=2", []string{"A: b"}, "A: b")
	f("crm", nil, "/x", "/x?key=crm-key", []string{"A: b"}, "A: b")
	f("crm", nil, "/x?a&&b", "/x?a&&%6Bey=crm%2dkey&b", []string{"A: b"}, "A: b")
	f("crm", nil, "/x?a", "/x?key=crm-key&a&key=crm%2Dkey", []string{"A: b"}, "A: b")

	// Several places, one credential.
	f("crm", nil, "/x", "/x?key=crm-key", []string{"Authorization: Bearer crm-key", "x-api-key: crm-key", "A: b"}, "A: b")
	f("", identity.ErrAmbiguousCredential, "", "/", []string{"Authorization: Bearer crm-key", "x-api-key: edge-key"})
	f("", identity.ErrAmbiguousCredential, "", "/", []string{"Authorization: Bearer crm-key", "Authorization: Bearer crm-key-2"})
	f("", identity.ErrAmbiguousCredential, "", "/?key=edge-key", []string{"Authorization: Bearer crm-key"})
	f("", identity.ErrAmbiguousCredential, "", "/?key=crm-key&key=edge-key", nil)
	f("", identity.ErrAmbiguousCredential, "", "/?key=crm-key&key=x", []string{"Authorization: Bearer crm-key"})
	f("", identity.ErrAmbiguousCredential, "", "/", []string{"x-api-key: a", "x-api-key: a", "x-api-key: a", "x-api-key: a", "x-api-key: a"})

	// Beside a credential in a field, the parameter is the application's.
	f("crm", nil, "/p?key=abc", "/p?key=abc", []string{"Authorization: Bearer crm-key", "A: b"}, "A: b")

	// Other schemes and empty fields are nobody's.
	f("anonymous", nil, "/", "/", []string{"Authorization: Basic dTpw"}, "Authorization: Basic dTpw")
	f("crm", nil, "/", "/", []string{"Authorization: Basic dTpw", "x-api-key: crm-key"}, "Authorization: Basic dTpw")
	f("anonymous", nil, "/?monkey=1&key=", "/?monkey=1&key=", []string{"Authorization: Bearer", "x-api-key:"}, "Authorization: Bearer", "x-api-key:")
	f("anonymous", nil, "/", "/", []string{"Authorization: Bearerx y"}, "Authorization: Bearerx y")

	// A bad credential is refused although anonymous callers are not.
	f("", identity.ErrUnknownCredential, "", "/", []string{"Authorization: Bearer nope"})
	f("", identity.ErrUnknownCredential, "", "/?key=nope", nil)
	f("", identity.ErrUnknownCredential, "", "/", []string{"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA"})
}

func TestAnonymous(t *testing.T) {
	r := request(t, "/?key=vendor", "Authorization: Bearer vendor", "x-api-key: other")

	open := newIdentifier(t, identity.Config{Anonymous: identity.Anonymous{Attributes: identity.Attributes{Tier: "x"}}}, identity.Deps{})
	p, c, err := open.Identify(&r.Header, r.Query())
	require.NoError(t, err)
	assert.Equal(t, identity.KindAnonymous, p.Kind)
	assert.Equal(t, "x", p.Attributes.Tier)
	assert.False(t, c.Presented())
	c.Remove(&r.Header)
	assert.Equal(t, []string{"Authorization: Bearer vendor", "x-api-key: other"}, kept(r))
	assert.Equal(t, "/?key=vendor", string(c.AppendTarget(nil, r.Target())))

	cfg := twoKeys()
	cfg.Anonymous = identity.Anonymous{Deny: true}
	closed := newIdentifier(t, cfg, identity.Deps{})
	r = request(t, "/?a=b", "Accept: x")
	_, _, err = closed.Identify(&r.Header, r.Query())
	require.ErrorIs(t, err, identity.ErrNoCredential)
}

func TestKeysFromEnvironmentAndFiles(t *testing.T) {
	deps := identity.Deps{
		LookupEnv: func(name string) (string, bool) { return map[string]string{"CRM": "from-env"}[name], name == "CRM" },
		ReadFile: func(name string) ([]byte, error) {
			switch name {
			case "/run/key":
				return []byte("from-file\n"), nil
			case "/run/empty":
				return []byte("\n"), nil
			}
			return nil, errors.New("no such file")
		},
	}
	id := newIdentifier(t, identity.Config{APIKeys: []identity.APIKey{{Name: "a", KeyEnv: "CRM"}, {Name: "b", KeyFile: "/run/key"}}}, deps)
	for key, want := range map[string]string{"from-env": "a", "from-file": "b"} {
		r := request(t, "/", "x-api-key: "+key)
		p, _, err := id.Identify(&r.Header, nil)
		require.NoError(t, err)
		assert.Equal(t, want, p.Name)
		assert.Equal(t, identity.KindAPIKey, p.Kind)
	}
	f := func(want string, keys ...identity.APIKey) {
		t.Helper()
		_, err := identity.New(identity.Config{APIKeys: keys}, deps)
		require.Error(t, err)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "from-")
	}
	f("api_keys[0].key_env: environment variable NONE is not set", identity.APIKey{Name: "a", KeyEnv: "NONE"})
	f("api_keys[0].key_file: read the key: no such file", identity.APIKey{Name: "a", KeyFile: "/none"})
	f("api_keys[0].key_file: /run/empty is empty", identity.APIKey{Name: "a", KeyFile: "/run/empty"})
	f(`api_keys[1].key_file: is the same key as the one of "a"`, identity.APIKey{Name: "a", SHA256: sha("from-file")}, identity.APIKey{Name: "b", KeyFile: "/run/key"})
}

func TestValidate(t *testing.T) {
	cfg := identity.Config{
		APIKeys: []identity.APIKey{
			{Name: "", SHA256: "abc"},
			{Name: "anonymous", SHA256: sha("")},
			{Name: "x", SHA256: sha("x"), KeyEnv: "X", Attributes: identity.Attributes{Mode: "slow", User: "a\x00"}, MayAssert: []string{"user", "money"}},
		},
		JWT: &identity.JWTConfig{
			JWKSURL: "ftp://x", Claims: map[string]string{"shoe": "x", "user": ""}, MayAssert: []string{"x"},
			Refresh: 1, Leeway: -1, CacheSize: -1,
		},
		TrustedProxies: []string{"10.0.0.0/8", "10.0.0.1/8"},
		Anonymous:      identity.Anonymous{Attributes: identity.Attributes{Tenant: strings.Repeat("x", 257)}},
	}
	err := cfg.Validate()
	require.Error(t, err)
	for _, want := range []string{
		"api_keys[0].name: is missing", "api_keys[0].sha256: must be the 64 hexadecimal digits", `api_keys[1].name: "anonymous"`,
		"api_keys[1].sha256: is the SHA-256 of nothing", "api_keys[2]: needs exactly one of", "api_keys[2].attributes.mode: must be",
		"api_keys[2].attributes.user: has control", `api_keys[2].may_assert[1]: "money" cannot`, "jwt.jwks_url:", "jwt.issuer:", "jwt.audience:",
		"jwt.claims.shoe: is not an attribute", "jwt.claims.user: names no claim", "jwt.may_assert[0]:", "jwt.refresh:", "jwt.leeway:",
		"jwt.cache_size:", `trusted_proxies[1]: "10.0.0.1/8" has bits set beyond its prefix; use 10.0.0.0/8`, "anonymous.tenant: is longer",
	} {
		assert.ErrorContains(t, err, want)
	}
	var field *identity.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "api_keys[0].name", field.Path)

	deny := identity.Config{Anonymous: identity.Anonymous{Deny: true}}
	assert.ErrorContains(t, deny.Validate(), "anonymous: deny refuses everybody")
	good := twoKeys()
	assert.NoError(t, good.Validate())
}

func TestCallerRequestID(t *testing.T) {
	cfg := twoKeys()
	cfg.TrustedProxies = []string{"10.0.0.0/8"}
	id := newIdentifier(t, cfg, identity.Deps{})
	inside, outside := netip.MustParseAddr("10.1.1.1"), netip.MustParseAddr("192.0.2.1")
	f := func(want, key string, peer netip.Addr, lines ...string) {
		t.Helper()
		r := request(t, "/", append(lines, "x-api-key: "+key)...)
		p, _, err := id.Identify(&r.Header, nil)
		require.NoError(t, err)
		assert.Equal(t, want, string(id.CallerRequestID(p, peer, &r.Header)))
	}
	f("abc-1", "edge-key", outside, "X-Request-Id: abc-1")
	f("abc-1", "crm-key", inside, "X-Request-Id: abc-1")
	f("", "crm-key", outside, "X-Request-Id: abc-1")
	f("", "edge-key", outside)
	f("", "edge-key", outside, "X-Request-Id:")
	f("", "edge-key", outside, "X-Request-Id: a b")
	f("", "edge-key", outside, "X-Request-Id: a\xc3\xa4")
	f("", "edge-key", outside, "X-Request-Id: a", "X-Request-Id: a")
	f("", "edge-key", outside, "X-Request-Id: "+strings.Repeat("x", 129))
	f(strings.Repeat("x", 128), "edge-key", outside, "X-Request-Id: "+strings.Repeat("x", 128))
}

// FuzzIdentify looks for panics and for the secret in what goes upstream.
func FuzzIdentify(f *testing.F) {
	id := newIdentifier(f, twoKeys(), identity.Deps{})
	f.Add("key=crm-key&a=b", "Bearer crm-key", "crm-key")
	f.Add("a&%6bey=crm%2dkey", "Basic x", "")
	f.Add("key=%", "bearer  x", "y")
	f.Fuzz(func(t *testing.T, query, authorization, apiKey string) {
		r := &http1.Request{}
		text := "GET /?" + query + " HTTP/1.1\r\nHost: h\r\nAuthorization: " + authorization + "\r\nx-api-key: " + apiKey + "\r\n\r\n"
		if n, err := r.Parse([]byte(text), limits); err != nil || n != len(text) {
			return
		}
		p, c, err := id.Identify(&r.Header, r.Query())
		if err != nil {
			return
		}
		require.NotNil(t, p)
		c.Remove(&r.Header)
		target := string(c.AppendTarget(nil, r.Target()))
		require.True(t, strings.HasPrefix(target, "/"))
		if p.Kind == identity.KindAPIKey {
			for _, i := range []http1.FieldID{http1.XAPIKey, http1.Authorization} {
				require.NotContains(t, []string{"crm-key", "Bearer crm-key", "edge-key"}, string(r.Get(i)))
			}
		}
		if c.InQuery() {
			require.NotContains(t, "&"+strings.ReplaceAll(target, "?", "&")+"&", "&key=")
		}
	})
}
