package identity

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// claims is the payload of a token. Numbers are kept as they are written.
type claims map[string]any

func decodeClaims(payload []byte) (claims, error) {
	var c claims
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if d.Decode(&c) != nil || c == nil || d.More() {
		return nil, errTokenFormat
	}
	return c, nil
}

// find returns the claim with that name, or else the one that the name leads to
// when its dots are taken as steps: names such as https://example.com/org have
// dots of their own.
func (c claims) find(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	var at any = map[string]any(c)
	for step := range strings.SplitSeq(name, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[step]
	}
	return at
}

// text returns a claim that is a string, a number or a boolean, as text. Others
// count as absent, and so does an empty string.
func (c claims) text(name string) (string, bool) {
	switch v := c.find(name).(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// time returns a NumericDate: seconds since 1970, with a fraction or without.
func (c claims) time(name string) (time.Time, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > math.MaxInt32*1000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// hasAudience reports whether aud, a string or a list of them, names audience.
func (c claims) hasAudience(audience string) bool {
	switch aud := c["aud"].(type) {
	case string:
		return aud == audience
	case []any:
		return slices.Contains(aud, any(audience))
	}
	return false
}

// claimMap says which claim fills which attribute, in the order of attributes.
type claimMap []claimMapping

type claimMapping struct {
	attribute attribute
	claim     string
}

func compileClaims(cfg map[string]string) (m claimMap) {
	for which := range numAttributes {
		if claim := cfg[attributeNames[which]]; claim != "" {
			m = append(m, claimMapping{which, claim})
		}
	}
	return m
}
