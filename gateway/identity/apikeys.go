package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// digest is the SHA-256 of a secret; the secret itself is not kept.
type digest [sha256.Size]byte

// keyTable finds the holder of an API key by the key's digest.
type keyTable map[digest]*keyHolder

type keyHolder struct {
	digest    digest
	principal Principal
}

// find returns the holder of the key with that digest, or nil. The map is walked
// by the bytes of a digest, which whoever guesses keys cannot steer; the decision
// is made by a comparison whose time says nothing.
func (t keyTable) find(d digest) *Principal {
	k := t[d]
	if k == nil || subtle.ConstantTimeCompare(k.digest[:], d[:]) != 1 {
		return nil
	}
	return &k.principal
}

func loadKeys(keys []APIKey, deps *Deps) (keyTable, error) {
	t := make(keyTable, len(keys))
	var errs []error
	for i := range keys {
		k := &keys[i]
		path := "api_keys[" + itoa(i) + "]"
		field, d, err := keyDigest(k, deps)
		if err != nil {
			errs = append(errs, &FieldError{path + "." + field, err})
			continue
		}
		if other := t[d]; other != nil {
			errs = append(errs, fault(path+"."+field, "is the same key as the one of %q", other.principal.Name))
			continue
		}
		may, err := parseAssertable(path+".may_assert", k.MayAssert)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t[d] = &keyHolder{d, Principal{Name: k.Name, Kind: KindAPIKey, Attributes: k.Attributes, MayAssert: may}}
	}
	return t, errors.Join(errs...)
}

// keyDigest reads the key from where the configuration says, and names the
// setting for errors.
func keyDigest(k *APIKey, deps *Deps) (field string, d digest, err error) {
	switch {
	case k.SHA256 != "":
		d, err = parseDigest(k.SHA256)
		return "sha256", d, err
	case k.KeyEnv != "":
		v, ok := deps.LookupEnv(k.KeyEnv)
		if !ok || v == "" {
			return "key_env", d, fmt.Errorf("environment variable %s is not set", k.KeyEnv)
		}
		return "key_env", sha256.Sum256([]byte(v)), nil
	}
	b, err := deps.ReadFile(k.KeyFile)
	if err != nil {
		return "key_file", d, fmt.Errorf("read the key: %w", err)
	}
	// Editors and echo end a file with a line feed.
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return "key_file", d, fmt.Errorf("%s is empty", k.KeyFile)
	}
	return "key_file", sha256.Sum256(b), nil
}
