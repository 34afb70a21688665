package mock

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// prose is a text that may come as a string or as a list of parts, of which only the texts count.
type prose struct {
	bytes int
	given bool // neither absent nor null
}

// UnmarshalJSON measures the text and keeps none of it.
func (p *prose) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case 'n':
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*p = prose{bytes: len(s), given: true}
		return nil
	case '[':
		var parts []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if json.Unmarshal(raw, &parts) != nil {
			return wrongType("array of something else", "array of content parts")
		}
		p.given = true
		for _, part := range parts {
			p.bytes += len(part.Text)
		}
		return nil
	default:
		return wrongType(jsonKind(raw[0]), "string or array of content parts")
	}
}

// texts is a list of strings that may also come as one string.
type texts []string

// UnmarshalJSON reads either form.
func (t *texts) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case 'n':
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		*t = texts{s}
		return nil
	case '[':
		if json.Unmarshal(raw, (*[]string)(t)) != nil {
			return wrongType("array of something else", "array of strings")
		}
		return nil
	default:
		return wrongType(jsonKind(raw[0]), "string or array of strings")
	}
}

// wrongType returns an error to which encoding/json adds the path of the field.
func wrongType(got, want string) error {
	return &json.UnmarshalTypeError{Value: got + ", not " + want, Type: reflect.TypeFor[struct{}]()}
}

func jsonKind(c byte) string {
	switch c {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// decode reads a request body into v and reports what is wrong with it as a 400.
func decode(body []byte, v any) (problem, bool) {
	err := json.Unmarshal(body, v)
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
		return problem{}, true
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return problem{
			status: 400, param: mistyped.Field, code: "invalid_type",
			message: fmt.Sprintf("Invalid type for '%s': got %s.", mistyped.Field, describeType(mistyped)),
		}, false
	case errors.As(err, &mistyped):
		return problem{status: 400, message: "The request body must be a JSON object."}, false
	default:
		return problem{status: 400, message: "We could not parse the JSON body of your request."}, false
	}
}

func describeType(e *json.UnmarshalTypeError) string {
	got, _, isNumber := strings.Cut(e.Value, " ") // "number 1.5" becomes "number"; the value is not repeated
	if isNumber && got == "number" {
		return "number, which does not fit"
	}
	if e.Type == reflect.TypeFor[struct{}]() {
		return e.Value
	}
	return e.Value + ", not " + kindName(e.Type)
}

func kindName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	default:
		return "number"
	}
}

// missing is the problem of a required field that is absent.
func missing(param string) problem {
	return problem{status: 400, param: param, code: "missing_required_parameter", message: "Missing required parameter: '" + param + "'."}
}

// invalid is the problem of a field whose value is not allowed.
func invalid(param, why string) problem {
	return problem{status: 400, param: param, code: "invalid_value", message: "Invalid value for '" + param + "': " + why + "."}
}
