package mock

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxSchemaDepth bounds the nesting of a generated value; what is deeper becomes null.
const maxSchemaDepth = 8

// schema is the part of a JSON Schema that a plausible value needs.
type schema struct {
	Type       any                        `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
	Enum       []any                      `json:"enum"`
	Const      any                        `json:"const"`
	Items      json.RawMessage            `json:"items"`
}

// instance returns a JSON object that a schema accepts as far as types, enums and required properties go.
// Without a usable schema it is {}.
func instance(raw json.RawMessage) string {
	v, ok := value(raw, 0).(map[string]any)
	if !ok {
		return "{}"
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic("BUG: a generated value is not JSON: " + err.Error())
	}
	return string(out)
}

func value(raw json.RawMessage, depth int) any {
	var s schema
	if depth > maxSchemaDepth || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	if s.Const != nil {
		return s.Const
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	kind, _ := s.Type.(string)
	if list, ok := s.Type.([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	switch {
	case kind == "object" || kind == "" && len(s.Properties) > 0:
		return s.object(depth)
	case kind == "array":
		if s.Items == nil {
			return []any{}
		}
		return []any{value(s.Items, depth+1)}
	case kind == "string":
		return "mock"
	case kind == "integer", kind == "number":
		return 1
	case kind == "boolean":
		return true
	default:
		return nil
	}
}

// object fills the required properties, or all when none is required.
func (s schema) object(depth int) map[string]any {
	out := map[string]any{}
	for name, raw := range s.Properties {
		if len(s.Required) == 0 || slices.Contains(s.Required, name) {
			out[name] = value(raw, depth+1)
		}
	}
	return out
}

// objectText returns a JSON object of about so many tokens, or one for the schema.
func objectText(raw json.RawMessage, tokens int) string {
	if len(raw) > 0 {
		return instance(raw)
	}
	const frame = len(`{"text":""}`)
	room := max(0, tokens*fixedPiece-frame)
	text := strings.Repeat(words+" ", room/(len(words)+1)+1)
	return `{"text":"` + strings.TrimSpace(text[:room]) + `"}`
}
