package config

import (
	"fmt"
	"net/url"
	"slices"

	yaml "github.com/goccy/go-yaml"
)

// mask stands where a secret was.
const mask = "***"

// Masked returns the effective configuration, defaults included, as YAML. Digests
// of keys and user information in URLs are masked; keys themselves are never part
// of a configuration.
func (c *Config) Masked() ([]byte, error) {
	m := c.Config
	m.Identity.APIKeys = slices.Clone(m.Identity.APIKeys)
	for i := range m.Identity.APIKeys {
		maskIfSet(&m.Identity.APIKeys[i].SHA256)
	}
	if m.Identity.JWT != nil {
		jwt := *m.Identity.JWT
		jwt.JWKSURL = maskURL(jwt.JWKSURL)
		m.Identity.JWT = &jwt
	}
	m.Admin.Tokens = slices.Clone(m.Admin.Tokens)
	for i := range m.Admin.Tokens {
		maskIfSet(&m.Admin.Tokens[i].SHA256)
	}
	m.Upstreams = slices.Clone(m.Upstreams)
	for i := range m.Upstreams {
		u := &m.Upstreams[i]
		u.Endpoints = slices.Clone(u.Endpoints)
		for j := range u.Endpoints {
			u.Endpoints[j].URL = maskURL(u.Endpoints[j].URL)
		}
	}
	out, err := yaml.MarshalWithOptions(&m, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write configuration as YAML: %w", err)
	}
	return out, nil
}

// MaskedJSON is Masked as JSON.
func (c *Config) MaskedJSON() ([]byte, error) {
	y, err := c.Masked()
	if err != nil {
		return nil, err
	}
	out, err := yaml.YAMLToJSON(y)
	if err != nil {
		return nil, fmt.Errorf("write configuration as JSON: %w", err)
	}
	return out, nil
}

func maskIfSet(s *string) {
	if *s != "" {
		*s = mask
	}
}

func maskURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return mask
	}
	if u.User == nil && u.RawQuery == "" {
		return s
	}
	if u.User != nil {
		u.User = url.User(mask)
	}
	if u.RawQuery != "" {
		u.RawQuery = mask
	}
	return u.String()
}
