package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// algorithm is a signature algorithm that tokens may use: asymmetric ones only,
// so that a public key can never serve as a shared secret (RFC 8725 section 2.1).
type algorithm struct {
	name  string
	jwa   jwa.SignatureAlgorithm
	curve elliptic.Curve // of ECDSA
	kind  keyKind
}

type keyKind uint8

const (
	rsaKey keyKind = iota
	ecKey
	edKey
)

func algorithmNamed(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i]
		}
	}
	return nil
}

// algorithms is never written after initialisation.
var algorithms = [...]algorithm{
	{"RS256", jwa.RS256(), nil, rsaKey},
	{"RS384", jwa.RS384(), nil, rsaKey},
	{"RS512", jwa.RS512(), nil, rsaKey},
	{"PS256", jwa.PS256(), nil, rsaKey},
	{"PS384", jwa.PS384(), nil, rsaKey},
	{"PS512", jwa.PS512(), nil, rsaKey},
	{"ES256", jwa.ES256(), elliptic.P256(), ecKey},
	{"ES384", jwa.ES384(), elliptic.P384(), ecKey},
	{"ES512", jwa.ES512(), elliptic.P521(), ecKey},
	{"EdDSA", jwa.EdDSA(), nil, edKey},
}

// publicKey is a key that verifies tokens.
type publicKey struct {
	id  string
	alg string // the only algorithm it is for, or empty
	raw any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// fits reports whether tokens signed with a may be checked with k.
func (k *publicKey) fits(a *algorithm) bool {
	if k.alg != "" && k.alg != a.name {
		return false
	}
	switch raw := k.raw.(type) {
	case *rsa.PublicKey:
		return a.kind == rsaKey
	case *ecdsa.PublicKey:
		return a.kind == ecKey && raw.Curve == a.curve
	case ed25519.PublicKey:
		return a.kind == edKey
	}
	return false
}

// keySet is what an identity provider published at one time. It is immutable.
type keySet struct {
	digest digest // of the document
	keys   []*publicKey
}

// find returns the keys that may have signed a token with header h.
func (s *keySet) find(h *tokenHeader) (fitting []*publicKey) {
	for _, k := range s.keys {
		if (h.Kid == "" || k.id == h.Kid) && k.fits(h.algorithm) {
			fitting = append(fitting, k)
		}
	}
	return fitting
}

const (
	maxKeys    = 128  // of one provider
	minRSABits = 2048 // RFC 7518 section 3.3
)

// parseKeySet reads a JSON Web Key Set (RFC 7517 section 5). Keys that cannot
// verify tokens are left out; none left is an error.
func parseKeySet(document []byte) (*keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", len(doc.Keys), maxKeys)
	}
	s := &keySet{digest: sha256.Sum256(document)}
	for _, b := range doc.Keys {
		if k, ok := parsePublicKey(b); ok {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 {
		return nil, errors.New("the key set has no RSA (2048 bits and more), EC or Ed25519 key for signatures")
	}
	return s, nil
}

func parsePublicKey(b []byte) (*publicKey, bool) {
	key, err := jwk.ParseKey(b)
	if err != nil || !isForSignatures(key) {
		return nil, false
	}
	if key, err = key.PublicKey(); err != nil {
		return nil, false
	}
	k := &publicKey{}
	if err := jwk.Export(key, &k.raw); err != nil {
		return nil, false
	}
	k.id, _ = key.KeyID()
	if alg, ok := key.Algorithm(); ok {
		k.alg = alg.String()
	}
	fitsAny := slices.ContainsFunc(algorithms[:], func(a algorithm) bool { return k.fits(&a) })
	if r, ok := k.raw.(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
		return nil, false
	}
	return k, fitsAny
}

func isForSignatures(key jwk.Key) bool {
	if use, ok := key.KeyUsage(); ok && use != "sig" {
		return false
	}
	if ops, ok := key.KeyOps(); ok && !slices.Contains(ops, jwk.KeyOpVerify) {
		return false
	}
	return true
}
