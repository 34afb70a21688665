package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"time"
)

// FieldError is a fault in one setting.
type FieldError struct {
	// Path is the setting, relative to the section that this package configures,
	// such as api_keys[2].sha256.
	Path string
	// Err says what is wrong with it and what would be right.
	Err error
}

// Error writes path and reason.
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

func fault(path, format string, args ...any) error {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}

// SetDefaults fills in every setting that is absent. Calling it twice changes
// nothing.
func (c *Config) SetDefaults() {
	if c.JWT == nil {
		return
	}
	if c.JWT.Refresh == 0 {
		c.JWT.Refresh = 15 * time.Minute
	}
	if c.JWT.Leeway == 0 {
		c.JWT.Leeway = 30 * time.Second
	}
	if c.JWT.CacheSize == 0 {
		c.JWT.CacheSize = 10000
	}
}

// Validate returns everything that is wrong, joined; each part is a
// [*FieldError]. Keys that stand in the environment or in files are looked at by
// [New] only.
func (c *Config) Validate() error {
	var errs []error
	for i := range c.APIKeys {
		errs = append(errs, c.APIKeys[i].validate(fmt.Sprintf("api_keys[%d]", i))...)
	}
	if c.JWT != nil {
		errs = append(errs, c.JWT.validate("jwt")...)
	}
	if _, err := CompileProxies(c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, validateAttributes("anonymous", &c.Anonymous.Attributes)...)
	if c.Anonymous.Deny && len(c.APIKeys) == 0 && c.JWT == nil {
		errs = append(errs, fault("anonymous", "deny refuses everybody without api_keys or jwt; configure one of them"))
	}
	return errors.Join(errs...)
}

func (k *APIKey) validate(path string) (errs []error) {
	if err := validatePrincipalName(k.Name); err != nil {
		errs = append(errs, &FieldError{path + ".name", err})
	}
	sources := 0
	for _, s := range []string{k.SHA256, k.KeyEnv, k.KeyFile} {
		if s != "" {
			sources++
		}
	}
	if sources != 1 {
		errs = append(errs, fault(path, "needs exactly one of sha256, key_env and key_file"))
	}
	if k.SHA256 != "" {
		if _, err := parseDigest(k.SHA256); err != nil {
			errs = append(errs, &FieldError{path + ".sha256", err})
		}
	}
	errs = append(errs, validateAttributes(path+".attributes", &k.Attributes)...)
	if _, err := parseAssertable(path+".may_assert", k.MayAssert); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// validatePrincipalName keeps the names of keys apart from those that are made
// for token holders and anonymous callers.
func validatePrincipalName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case name == anonymousName || strings.HasPrefix(name, jwtNamePrefix):
		return fmt.Errorf("%q is a name that is given to callers without a key", name)
	}
	return validValue(name)
}

func parseDigest(s string) (d digest, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("must be the 64 hexadecimal digits of a SHA-256, as printed by: printf %%s KEY | sha256sum")
	}
	copy(d[:], b)
	if d == sha256.Sum256(nil) {
		return d, errors.New("is the SHA-256 of nothing")
	}
	return d, nil
}

func validateAttributes(path string, a *Attributes) (errs []error) {
	for name := range attributeNames {
		v := *a.field(attribute(name))
		if v == "" {
			continue
		}
		if err := validAttribute(attribute(name), v); err != nil {
			errs = append(errs, &FieldError{path + "." + attributeNames[name], err})
		}
	}
	return errs
}

func (j *JWTConfig) validate(path string) (errs []error) {
	if err := validateKeysURL(j.JWKSURL); err != nil {
		errs = append(errs, &FieldError{path + ".jwks_url", err})
	}
	if j.Issuer == "" {
		errs = append(errs, fault(path+".issuer", "is missing: a token of any issuer would do"))
	}
	if j.Audience == "" {
		errs = append(errs, fault(path+".audience", "is missing: a token meant for another service would do"))
	}
	names := make([]string, 0, len(j.Claims))
	for name := range j.Claims {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if _, ok := attributeNamed(name); !ok {
			errs = append(errs, fault(path+".claims."+name, "is not an attribute; there are %s", strings.Join(attributeNames[:], ", ")))
		} else if j.Claims[name] == "" {
			errs = append(errs, fault(path+".claims."+name, "names no claim"))
		}
	}
	if _, err := parseAssertable(path+".may_assert", j.MayAssert); err != nil {
		errs = append(errs, err)
	}
	if j.Refresh < 0 || (j.Refresh > 0 && j.Refresh < 10*time.Second) {
		errs = append(errs, fault(path+".refresh", "%s is too often; 10s is the least", j.Refresh))
	}
	if j.Leeway < 0 || j.Leeway > 10*time.Minute {
		errs = append(errs, fault(path+".leeway", "%s is out of range; use 0s to 10m", j.Leeway))
	}
	if j.CacheSize < 0 || j.CacheSize > 10_000_000 {
		errs = append(errs, fault(path+".cache_size", "%d is out of range; use 1 to 10000000", j.CacheSize))
	}
	return errs
}

func validateKeysURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("must be the http or https URL of a JSON Web Key Set")
	}
	if u.User != nil {
		return errors.New("must not hold a user name or password")
	}
	return nil
}
