package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
)

// Token lets its holder use the admin API. Only the sum of the secret is kept.
type Token struct {
	Name   string // for the audit log
	SHA256 string // of the secret, in hex
	Role   Role
}

// Role is what a token is good for.
type Role string

// The roles. An admin may do what a viewer may.
const (
	RoleViewer Role = "viewer"
	RoleAdmin  Role = "admin"
)

// maxTokens bounds the work of one comparison.
const maxTokens = 1000

// tokenSet is an immutable set of tokens.
type tokenSet []knownToken

type knownToken struct {
	name string
	sum  [sha256.Size]byte
	role Role
}

func newTokenSet(tokens []Token) (tokenSet, error) {
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("admin: %d tokens, at most %d can be used", len(tokens), maxTokens)
	}
	set := make(tokenSet, 0, len(tokens))
	seen := map[[sha256.Size]byte]string{}
	for i, t := range tokens {
		known, err := t.known()
		if err != nil {
			return nil, fmt.Errorf("admin: token %d (%q): %w", i+1, t.Name, err)
		}
		if other, twice := seen[known.sum]; twice {
			return nil, fmt.Errorf("admin: token %d (%q) is the same as %q", i+1, t.Name, other)
		}
		seen[known.sum] = t.Name
		set = append(set, known)
	}
	return set, nil
}

func (t Token) known() (k knownToken, err error) {
	k = knownToken{name: t.Name, role: t.Role}
	if t.Name == "" {
		return k, fmt.Errorf("it has no name")
	}
	if t.Role != RoleViewer && t.Role != RoleAdmin {
		return k, fmt.Errorf("role is %q, want viewer or admin", t.Role)
	}
	sum, err := hex.DecodeString(t.SHA256)
	if err != nil || len(sum) != len(k.sum) {
		return k, fmt.Errorf("sha256 is not a SHA-256 sum of 64 hexadecimal digits")
	}
	copy(k.sum[:], sum)
	return k, nil
}

// find compares the secret with every token, so that the time tells nothing.
func (s tokenSet) find(secret string) (found knownToken, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	at := -1
	for i := range s {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], s[i].sum[:]), i, at)
	}
	if at < 0 {
		return knownToken{}, false
	}
	return s[at], true
}
