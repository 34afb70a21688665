package identity_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
)

// provider is an identity provider: an http.RoundTripper that publishes keys.
type provider struct {
	mu       sync.Mutex
	document []byte
	err      error
	delay    time.Duration
	fetches  atomic.Int32
}

func (p *provider) publish(t testing.TB, keys ...jwk.Key) {
	set := jwk.NewSet()
	for _, k := range keys {
		public, err := k.PublicKey()
		require.NoError(t, err)
		require.NoError(t, set.AddKey(public))
	}
	b, err := json.Marshal(set)
	require.NoError(t, err)
	p.set(b, nil, 0)
}

func (p *provider) set(document []byte, err error, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.document, p.err, p.delay = document, err, delay
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.fetches.Add(1)
	p.mu.Lock()
	document, err, delay := p.document, p.err, p.delay
	p.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(bytes.NewReader(document)), Request: r}, nil
}

// newKey makes a signing key with that id.
func newKey(t testing.TB, id string, alg jwa.SignatureAlgorithm) jwk.Key {
	var raw crypto.PrivateKey
	var err error
	switch alg {
	case jwa.ES256():
		raw, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jwa.EdDSA():
		_, raw, err = ed25519.GenerateKey(rand.Reader)
	default:
		raw, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	require.NoError(t, err)
	k, err := jwk.Import(raw)
	require.NoError(t, err)
	require.NoError(t, k.Set(jwk.KeyIDKey, id))
	return k
}

type claimSet map[string]any

func goodClaims() claimSet {
	return claimSet{
		"iss": "idp", "aud": "weir", "sub": "u-1", "exp": time.Now().Add(time.Hour).Unix(),
		"org": map[string]any{"id": "acme", "level": 3}, "https://example.com/vip": true,
	}
}

func (c claimSet) with(name string, v any) claimSet {
	c = maps.Clone(c)
	if v == nil {
		delete(c, name)
	} else {
		c[name] = v
	}
	return c
}

func sign(t testing.TB, key jwk.Key, alg jwa.SignatureAlgorithm, c claimSet) string {
	payload, err := json.Marshal(c)
	require.NoError(t, err)
	h := jws.NewHeaders()
	if id, ok := key.KeyID(); ok {
		require.NoError(t, h.Set(jws.KeyIDKey, id))
	}
	b, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(h)))
	require.NoError(t, err)
	return string(b)
}

func tokenConfig() identity.Config {
	return identity.Config{
		JWT: &identity.JWTConfig{
			JWKSURL: "https://idp.example.com/keys", Issuer: "idp", Audience: "weir", MayAssert: []string{"campaign"},
			Claims: map[string]string{"tenant": "org.id", "tier": "org.level", "user": "sub", "business": "https://example.com/vip", "campaign": "org"},
		},
		Anonymous: identity.Anonymous{Deny: true},
	}
}

func (p *provider) deps() identity.Deps {
	return identity.Deps{Client: &http.Client{Transport: p}}
}

func identify(id *identity.Identifier, t testing.TB, token string) (*identity.Principal, error) {
	r := request(t, "/", "Authorization: Bearer "+token)
	p, _, err := id.Identify(&r.Header, nil)
	return p, err
}

func TestTokens(t *testing.T) {
	ec, ed, rs := newKey(t, "ec", jwa.ES256()), newKey(t, "ed", jwa.EdDSA()), newKey(t, "rs", jwa.RS256())
	p := &provider{}
	p.publish(t, ec, ed, rs)
	id := newIdentifier(t, tokenConfig(), p.deps())

	for _, token := range []string{
		sign(t, ec, jwa.ES256(), goodClaims()), sign(t, ed, jwa.EdDSA(), goodClaims()), sign(t, rs, jwa.RS256(), goodClaims()),
		sign(t, rs, jwa.PS512(), goodClaims()), sign(t, ec, jwa.ES256(), goodClaims().with("aud", []string{"x", "weir"})),
		sign(t, ec, jwa.ES256(), goodClaims().with("exp", float64(time.Now().UnixMilli())/1000+5)),
	} {
		got, err := identify(id, t, token)
		require.NoError(t, err)
		assert.Equal(t, &identity.Principal{
			Name: "jwt:u-1", Kind: identity.KindJWT, MayAssert: identity.AssertCampaign,
			Attributes: identity.Attributes{Tenant: "acme", Tier: "3", User: "u-1", Business: "true"},
		}, got)
		again, err := identify(id, t, token)
		require.NoError(t, err)
		assert.Same(t, got, again, "remembered")
	}

	refuse := func(want, token string) {
		t.Helper()
		_, err := identify(id, t, token)
		require.ErrorIs(t, err, identity.ErrUnknownCredential)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), token)
	}
	now := time.Now()
	es := func(c claimSet) string { return sign(t, ec, jwa.ES256(), c) }
	refuse("another issuer", es(goodClaims().with("iss", "other")))
	refuse("another issuer", es(goodClaims().with("iss", nil)))
	refuse("another audience", es(goodClaims().with("aud", "other")))
	refuse("another audience", es(goodClaims().with("aud", nil)))
	refuse("has expired", es(goodClaims().with("exp", now.Add(-time.Minute).Unix())))
	refuse("no expiry", es(goodClaims().with("exp", nil)))
	refuse("no expiry", es(goodClaims().with("exp", "tomorrow")))
	refuse("not valid yet", es(goodClaims().with("nbf", now.Add(time.Minute).Unix())))
	refuse("not valid yet", es(goodClaims().with("iat", now.Add(time.Minute).Unix())))
	refuse("claim", es(goodClaims().with("sub", strings.Repeat("x", 300))))
	refuse("claim", es(goodClaims().with("sub", "a\nb")))

	good := es(goodClaims())
	parts := strings.Split(good, ".")
	header := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	refuse("signature", parts[0]+"."+header(`{"iss":"idp"}`)+"."+parts[2])
	refuse("signature", parts[0]+"."+parts[1]+"."+strings.Repeat("A", len(parts[2])))
	refuse("asymmetric", header(`{"alg":"none"}`)+"."+parts[1]+".")
	refuse("asymmetric", header(`{"alg":"HS256","kid":"rs"}`)+"."+parts[1]+"."+parts[2])
	refuse("asymmetric", header(`{"alg":"ES256K","kid":"ec"}`)+"."+parts[1]+"."+parts[2])
	refuse("critical", header(`{"alg":"ES256","kid":"ec","crit":["x"],"x":1}`)+"."+parts[1]+"."+parts[2])
	refuse("critical", header(`{"alg":"ES256","kid":"ec","b64":false}`)+"."+parts[1]+"."+parts[2])
	refuse("not one of the identity provider", header(`{"alg":"RS256","kid":"ec"}`)+"."+parts[1]+"."+parts[2])
	refuse("not one of the identity provider", header(`{"alg":"ES384","kid":"ec"}`)+"."+parts[1]+"."+parts[2])
	refuse("signature", header(`{"alg":"ES256"}`)+"."+parts[1]+"."+parts[2])
	refuse("compact form", "eyJ!."+parts[1]+"."+parts[2])
	refuse("compact form", header(`{"alg":7}`)+"."+parts[1]+"."+parts[2])
	refuse("too long", good+strings.Repeat("A", 20000))
	refuse("unknown key", "eyJhbGciOiJFUzI1NiJ9")

	// Without a key id, the keys that fit are tried.
	require.NoError(t, ec.Remove(jwk.KeyIDKey))
	_, err := identify(id, t, sign(t, ec, jwa.ES256(), goodClaims()))
	assert.NoError(t, err)
}

func TestKeysThatCannotVerifyAreLeftOut(t *testing.T) {
	weak := `{"kty":"RSA","kid":"weak","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xc5}, 128)) + `"}`
	enc := newKey(t, "enc", jwa.ES256())
	require.NoError(t, enc.Set(jwk.KeyUsageKey, "enc"))
	other := newKey(t, "other", jwa.RS256())
	require.NoError(t, other.Set(jwk.AlgorithmKey, jwa.RS512()))
	p := &provider{}
	p.publish(t, enc, other)
	p.set(bytes.Replace(p.document, []byte(`"keys":[`), []byte(`"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"oct"},{"kty":"new"},7,`+weak+`,`), 1), nil, 0)
	id := newIdentifier(t, tokenConfig(), p.deps())
	require.NoError(t, enc.Remove(jwk.KeyUsageKey))
	require.NoError(t, other.Remove(jwk.AlgorithmKey))
	_, err := identify(id, t, sign(t, enc, jwa.ES256(), goodClaims()))
	assert.ErrorContains(t, err, "not one of")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"weak"}`))
	_, err = identify(id, t, header+".e30.AAAA")
	assert.ErrorContains(t, err, "not one of", "too short to be trusted")
	_, err = identify(id, t, sign(t, other, jwa.RS256(), goodClaims()))
	assert.ErrorContains(t, err, "not one of", "the key is for RS512 only")
	_, err = identify(id, t, sign(t, other, jwa.RS512(), goodClaims()))
	assert.NoError(t, err)
}

func TestKeysAreRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newKey(t, "1", jwa.ES256()), newKey(t, "2", jwa.ES256())
		p := &provider{}
		p.publish(t, first)
		id, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		defer id.Close()
		old := sign(t, first, jwa.ES256(), goodClaims().with("exp", time.Now().Add(24*time.Hour).Unix()))
		_, err = identify(id, t, old)
		require.NoError(t, err)

		time.Sleep(16 * time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 2, p.fetches.Load())

		// A provider that is away changes nothing.
		p.set(nil, errors.New("away"), 0)
		time.Sleep(time.Hour)
		_, err = identify(id, t, old)
		require.NoError(t, err)
		p.set([]byte(`{"keys":[]}`), nil, 0)
		time.Sleep(time.Hour)
		_, err = identify(id, t, old)
		require.NoError(t, err)
		p.set(bytes.Repeat([]byte(" "), 2<<20), nil, 0)
		time.Sleep(time.Hour)
		_, err = identify(id, t, old)
		require.NoError(t, err)

		// A key that is withdrawn takes its tokens along, remembered or not.
		p.publish(t, second)
		time.Sleep(time.Hour)
		_, err = identify(id, t, old)
		require.ErrorIs(t, err, identity.ErrUnknownCredential)
		_, err = identify(id, t, sign(t, second, jwa.ES256(), goodClaims()))
		require.NoError(t, err)
	})
}

func TestTokensExpireInTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t, "1", jwa.ES256())
		p := &provider{}
		p.publish(t, key)
		id, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		defer id.Close()
		token := sign(t, key, jwa.ES256(), goodClaims())
		_, err = identify(id, t, token)
		require.NoError(t, err)
		time.Sleep(time.Hour + 29*time.Second)
		_, err = identify(id, t, token)
		require.NoError(t, err, "within the leeway")
		time.Sleep(2 * time.Second)
		_, err = identify(id, t, token)
		require.ErrorContains(t, err, "has expired")
	})
}

func TestProviderAwayAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t, "1", jwa.ES256())
		p := &provider{err: errors.New("away")}
		id, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		token := sign(t, key, jwa.ES256(), goodClaims())
		_, err = identify(id, t, token)
		require.ErrorIs(t, err, identity.ErrUnavailable)
		require.NotErrorIs(t, err, identity.ErrUnknownCredential)
		time.Sleep(time.Minute)
		tries := p.fetches.Load()
		assert.True(t, 4 < tries && tries < 10, "%d tries in a minute", tries)
		p.publish(t, key)
		time.Sleep(time.Minute)
		_, err = identify(id, t, token)
		require.NoError(t, err)

		// A reload while the provider hangs keeps the keys and takes no time.
		p.set(nil, nil, time.Hour)
		deps := p.deps()
		deps.Previous = id
		start := time.Now()
		next, err := identity.New(tokenConfig(), deps)
		require.NoError(t, err)
		assert.Zero(t, time.Since(start))
		id.Close()
		_, err = identify(next, t, token)
		require.NoError(t, err)
		next.Close()

		// Without keys to take over, New waits two seconds and no longer.
		start = time.Now()
		last, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
		last.Close()
	})
}

func TestUnknownKeyID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, third := newKey(t, "1", jwa.ES256()), newKey(t, "2", jwa.ES256()), newKey(t, "3", jwa.ES256())
		p := &provider{}
		p.publish(t, first)
		id, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		defer id.Close()
		require.EqualValues(t, 1, p.fetches.Load())

		// Many requests with a new key share one fetch.
		p.publish(t, first, second)
		p.mu.Lock()
		p.delay = time.Second
		p.mu.Unlock()
		token := sign(t, second, jwa.ES256(), goodClaims())
		var wg sync.WaitGroup
		var failed atomic.Int32
		for range 50 {
			wg.Go(func() {
				if _, err := identify(id, t, token); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Zero(t, failed.Load())
		assert.EqualValues(t, 2, p.fetches.Load())

		// Made-up key ids cause no more.
		stranger := sign(t, third, jwa.ES256(), goodClaims())
		start := time.Now()
		for range 50 {
			_, err = identify(id, t, stranger)
			require.ErrorIs(t, err, identity.ErrUnknownCredential)
		}
		assert.Zero(t, time.Since(start))
		assert.EqualValues(t, 2, p.fetches.Load())
		time.Sleep(11 * time.Second)
		_, err = identify(id, t, stranger)
		require.ErrorIs(t, err, identity.ErrUnknownCredential)
		assert.EqualValues(t, 3, p.fetches.Load())

		// A provider that hangs holds a request for two seconds, and one that fails
		// leaves it open whether the token is good.
		time.Sleep(11 * time.Second)
		p.set(nil, nil, time.Hour)
		start = time.Now()
		_, err = identify(id, t, stranger)
		require.ErrorIs(t, err, identity.ErrUnavailable)
		assert.Equal(t, 2*time.Second, time.Since(start))
		time.Sleep(4 * time.Second)
		start = time.Now()
		_, err = identify(id, t, stranger)
		require.ErrorIs(t, err, identity.ErrUnavailable)
		assert.Zero(t, time.Since(start))
	})
}

func TestCacheIsBounded(t *testing.T) {
	key := newKey(t, "1", jwa.EdDSA())
	p := &provider{}
	p.publish(t, key)
	cfg := tokenConfig()
	cfg.JWT.CacheSize = 32
	id := newIdentifier(t, cfg, p.deps())
	for i := range 500 {
		_, err := identify(id, t, sign(t, key, jwa.EdDSA(), goodClaims().with("sub", fmt.Sprint("u", i))))
		require.NoError(t, err)
	}
	assert.LessOrEqual(t, id.CachedTokens(), 32)
	assert.Greater(t, id.CachedTokens(), 10)
}

func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t, "1", jwa.ES256())
		p := &provider{}
		p.publish(t, key)
		id, err := identity.New(tokenConfig(), p.deps())
		require.NoError(t, err)
		p.set(nil, nil, time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		r := request(t, "/", "Authorization: Bearer "+sign(t, newKey(t, "2", jwa.ES256()), jwa.ES256(), goodClaims()))
		go func() {
			defer cancel()
			_, _, err := id.Identify(&r.Header, nil)
			assert.ErrorIs(t, err, identity.ErrUnavailable)
		}()
		synctest.Wait()
		start := time.Now()
		id.Close()
		<-ctx.Done()
		assert.Zero(t, time.Since(start))
	})
}

// FuzzToken looks for panics and for a token that passes without a signature.
func FuzzToken(f *testing.F) {
	key := newKey(f, "1", jwa.ES256())
	p := &provider{}
	p.publish(f, key)
	id := newIdentifier(f, tokenConfig(), p.deps())
	good := sign(f, key, jwa.ES256(), goodClaims())
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.AAAA")
	parts := strings.SplitN(good, ".", 3)
	f.Fuzz(func(t *testing.T, token string) {
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return
		}
		if _, err := identify(id, t, token); err == nil {
			require.True(t, strings.HasPrefix(token, parts[0]+"."+parts[1]+"."), "header and payload are the signed ones")
		}
	})
}
