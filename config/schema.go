package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/weir-gateway/weir/gateway"
)

//go:embed weir.schema.json
var shippedSchema []byte

// Schema returns the JSON Schema (draft 2020-12) of the configuration, as shipped
// in weir.schema.json. The caller may not change it.
func Schema() []byte { return shippedSchema }

// GenerateSchema derives the JSON Schema from the structs that the file is decoded
// into. A test keeps weir.schema.json equal to it.
func GenerateSchema() ([]byte, error) {
	r := jsonschema.Reflector{
		Anonymous: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if t != reflect.TypeFor[time.Duration]() {
				return nil
			}
			return &jsonschema.Schema{
				Type: "string", Pattern: `^(0|([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+|[$][{].*[}])$`,
				Examples: []any{"30s", "1h30m"},
			}
		},
	}
	s := r.Reflect(&gateway.Config{})
	s.Title = "Weir configuration"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("generate JSON Schema: %w", err)
	}
	return append(out, '\n'), nil
}
