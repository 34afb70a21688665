package identity_test

import (
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
)

func TestAnonymousInYAML(t *testing.T) {
	f := func(text string, want identity.Anonymous) {
		t.Helper()
		var c identity.Config
		require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()), text)
		assert.Equal(t, want, c.Anonymous, text)

		back, err := yaml.Marshal(c)
		require.NoError(t, err)
		var again identity.Config
		require.NoError(t, yaml.UnmarshalWithOptions(back, &again, yaml.Strict()), "%s", back)
		assert.Equal(t, want, again.Anonymous, "%s", back)
	}
	f("anonymous: deny", identity.Anonymous{Deny: true})
	f("anonymous: {tenant: public, tier: standard}", identity.Anonymous{Attributes: identity.Attributes{Tenant: "public", Tier: "standard"}})
	f("anonymous:\n  tenant: public", identity.Anonymous{Attributes: identity.Attributes{Tenant: "public"}})
	f("anonymous:", identity.Anonymous{})
	f("anonymous: {}", identity.Anonymous{})

	for text, want := range map[string]string{
		"api_keys: []\nanonymous: allow":         "[2:12]",
		"api_keys: []\nanonymous: [deny]":        "anonymous must be the word deny",
		"anonymous: {tenant: a, teir: standard}": "teir",
	} {
		var c identity.Config
		assert.ErrorContains(t, yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()), want)
	}
	b, err := json.Marshal(identity.Anonymous{Deny: true})
	require.NoError(t, err)
	assert.JSONEq(t, `"deny"`, string(b))
}

func TestAnonymousSchema(t *testing.T) {
	b, err := json.Marshal(jsonschema.Reflect(identity.Config{}))
	require.NoError(t, err)
	assert.Contains(t, string(b), `"oneOf":[{"type":"string","const":"deny"},{"properties":{"tenant":{"type":"string"}`)
}
