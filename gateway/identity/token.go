package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
)

// maxTokenBytes bounds a token; what is longer is refused before any work.
const maxTokenBytes = 16 << 10

// Why a token is refused.
var (
	errTokenTooLong  error = &refusal{"the token is too long"}
	errTokenFormat   error = &refusal{"not a signed token in compact form"}
	errTokenAlg      error = &refusal{"the token's algorithm is not an asymmetric signature"}
	errTokenCritical error = &refusal{"the token has critical extensions"}
	errTokenKey      error = &refusal{"the token's key is not one of the identity provider"}
	errSignature     error = &refusal{"the token's signature does not verify"}
	errTokenIssuer   error = &refusal{"the token has another issuer"}
	errTokenAudience error = &refusal{"the token is for another audience"}
	errTokenExpired  error = &refusal{"the token has expired"}
	errTokenEarly    error = &refusal{"the token is not valid yet"}
	errTokenExpiry   error = &refusal{"the token has no expiry"}
	errTokenClaim    error = &refusal{"a claim of the token cannot be used as an attribute"}
)

// looksLikeToken tells tokens from keys: three parts, the first of which starts
// with the encoding of '{"'.
func looksLikeToken(secret []byte) bool {
	return bytes.HasPrefix(secret, []byte("eyJ")) && bytes.Count(secret, []byte(".")) == 2
}

// tokenVerifier turns tokens of one issuer into principals.
type tokenVerifier struct {
	source   *keySource
	cache    *tokenCache
	issuer   string
	audience string
	leeway   time.Duration
	claims   claimMap
	may      Assertable
	now      func() time.Time
}

func newTokenVerifier(cfg *JWTConfig, deps *Deps) (*tokenVerifier, error) {
	may, err := parseAssertable("jwt.may_assert", cfg.MayAssert)
	if err != nil {
		return nil, err
	}
	return &tokenVerifier{
		source: startKeySource(cfg, deps), cache: newTokenCache(cfg.CacheSize),
		issuer: cfg.Issuer, audience: cfg.Audience, leeway: cfg.Leeway,
		claims: compileClaims(cfg.Claims), may: may, now: deps.Now,
	}, nil
}

// identify returns the principal of the token with digest d.
func (v *tokenVerifier) identify(d digest, token []byte) (*Principal, error) {
	keys := v.source.keys()
	if keys == nil {
		return nil, ErrUnavailable
	}
	if p := v.cache.get(d, keys, v.now()); p != nil {
		return p, nil
	}
	if len(token) > maxTokenBytes {
		return nil, errTokenTooLong
	}
	// The verification may keep what it is given for a while, and the request's
	// buffer is not ours to lend.
	return v.verify(d, bytes.Clone(token))
}

func (v *tokenVerifier) verify(d digest, token []byte) (*Principal, error) {
	h, err := parseTokenHeader(token)
	if err != nil {
		return nil, err
	}
	keys, fitting, err := v.source.find(h)
	if err != nil {
		return nil, err
	}
	payload, err := verifySignature(token, h, fitting)
	if err != nil {
		return nil, err
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return nil, err
	}
	until, err := v.validate(claims)
	if err != nil {
		return nil, err
	}
	p, err := v.principal(claims)
	if err != nil {
		return nil, err
	}
	v.cache.put(d, p, keys, until)
	return p, nil
}

// tokenHeader is what counts of a JOSE header (RFC 7515 section 4).
type tokenHeader struct {
	Alg      string           `json:"alg"`
	Kid      string           `json:"kid"`
	Critical *json.RawMessage `json:"crit"`
	B64      *json.RawMessage `json:"b64"`

	algorithm *algorithm
}

func parseTokenHeader(token []byte) (*tokenHeader, error) {
	encoded, _, _ := bytes.Cut(token, []byte("."))
	b, err := base64.RawURLEncoding.AppendDecode(nil, encoded)
	if err != nil {
		return nil, errTokenFormat
	}
	var h tokenHeader
	if json.Unmarshal(b, &h) != nil {
		return nil, errTokenFormat
	}
	if h.Critical != nil || h.B64 != nil {
		return nil, errTokenCritical
	}
	if h.algorithm = algorithmNamed(h.Alg); h.algorithm == nil {
		return nil, errTokenAlg
	}
	return &h, nil
}

// maxTries bounds the signature checks of a token that names no key.
const maxTries = 4

func verifySignature(token []byte, h *tokenHeader, keys []*publicKey) ([]byte, error) {
	for i, k := range keys {
		if i == maxTries {
			break
		}
		payload, err := jws.Verify(token, jws.WithKey(h.algorithm.jwa, k.raw), jws.WithCompact())
		if err == nil {
			return payload, nil
		}
	}
	return nil, errSignature
}

// validate checks the registered claims (RFC 7519 section 4.1) and returns until
// when the token holds.
func (v *tokenVerifier) validate(c claims) (until time.Time, err error) {
	if iss, _ := c["iss"].(string); iss != v.issuer {
		return until, errTokenIssuer
	}
	if !c.hasAudience(v.audience) {
		return until, errTokenAudience
	}
	now := v.now()
	exp, ok := c.time("exp")
	if !ok {
		return until, errTokenExpiry
	}
	until = exp.Add(v.leeway)
	if !now.Before(until) {
		return until, errTokenExpired
	}
	for _, name := range [...]string{"nbf", "iat"} {
		if _, there := c[name]; !there {
			continue
		}
		if t, ok := c.time(name); !ok || now.Add(v.leeway).Before(t) {
			return until, errTokenEarly
		}
	}
	return until, nil
}

func (v *tokenVerifier) principal(c claims) (*Principal, error) {
	p := &Principal{Kind: KindJWT, MayAssert: v.may}
	for _, m := range v.claims {
		value, ok := c.text(m.claim)
		if !ok {
			continue
		}
		if validAttribute(m.attribute, value) != nil {
			return nil, errTokenClaim
		}
		*p.Attributes.field(m.attribute) = value
	}
	subject, ok := c.text("sub")
	if !ok {
		subject = v.issuer
	}
	if validValue(subject) != nil {
		return nil, errTokenClaim
	}
	p.Name = jwtNamePrefix + subject
	return p, nil
}
