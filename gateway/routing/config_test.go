package routing_test

import (
	"encoding/json"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/routing"
)

func TestStringListInYAML(t *testing.T) {
	f := func(text string, want routing.StringList) {
		t.Helper()
		var m routing.RouteMatch
		require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &m, yaml.Strict()), text)
		assert.Equal(t, want, m.Path, text)
	}
	f(`path: /v1/*`, routing.StringList{"/v1/*"})
	f(`path: "/v1/*"`, routing.StringList{"/v1/*"})
	f(`path: [/a, "/b"]`, routing.StringList{"/a", "/b"})
	f("path:\n  - /a\n  - /b", routing.StringList{"/a", "/b"})
	f(`path: 403`, routing.StringList{"403"})
	f(`path: [403, true]`, routing.StringList{"403", "true"})
	f(`path:`, nil)
	f(`path: []`, routing.StringList{})

	var m routing.RouteMatch
	err := yaml.UnmarshalWithOptions([]byte("host: a\npath: {a: b}"), &m, yaml.Strict())
	assert.ErrorContains(t, err, "[2:")
	err = yaml.UnmarshalWithOptions([]byte("host: a\npath: [{a: b}]"), &m, yaml.Strict())
	assert.Error(t, err)
}

func TestStringListSchema(t *testing.T) {
	b, err := json.Marshal(jsonschema.Reflect(routing.RouteMatch{}))
	require.NoError(t, err)
	assert.Contains(t, string(b), `"oneOf":[{"type":"string"},{"items":{"type":"string"},"type":"array"}]`)
}
