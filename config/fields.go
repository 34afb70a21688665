package config

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// field is a key of a struct as its tags describe it.
type field struct {
	name  string
	index []int
	typ   reflect.Type
	// required is a key without omitempty.
	required bool
	rule     rule
}

// rule is what the jsonschema tag of a field says.
type rule struct {
	description string
	def         string
	hasDefault  bool
	enum        []string
	minimum     *float64
	maximum     *float64
	pattern     *regexp.Regexp
}

// fieldsOf lists the keys of a struct in order, inlined structs included.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(options, "inline"):
			for _, sub := range fieldsOf(f.Type) {
				sub.index = append([]int{i}, sub.index...)
				fields = append(fields, sub)
			}
		case f.IsExported() && name != "" && name != "-":
			fields = append(fields, field{
				name: name, index: []int{i}, typ: f.Type,
				required: !strings.Contains(options, "omitempty"),
				rule:     parseRule(f.Tag.Get("jsonschema")),
			})
		}
	}
	return fields
}

// parseRule reads a jsonschema tag. A piece without '=' belongs to the piece
// before it, since descriptions contain commas.
func parseRule(tag string) rule {
	var r rule
	last := ""
	for _, piece := range splitTag(tag) {
		key, value, ok := strings.Cut(piece, "=")
		if !ok || strings.ContainsAny(key, " '") {
			if last == "description" {
				r.description += "," + piece
			}
			continue
		}
		last = key
		switch key {
		case "description":
			r.description = value
		case "default":
			r.def, r.hasDefault = value, true
		case "enum":
			r.enum = append(r.enum, value)
		case "minimum":
			r.minimum = number(value)
		case "maximum":
			r.maximum = number(value)
		case "pattern":
			r.pattern = regexp.MustCompile(value)
		}
	}
	return r
}

// splitTag splits at commas that no backslash escapes.
func splitTag(tag string) []string {
	if tag == "" {
		return nil
	}
	pieces := strings.Split(strings.ReplaceAll(tag, `\,`, "\x00"), ",")
	for i := range pieces {
		pieces[i] = strings.ReplaceAll(pieces[i], "\x00", ",")
	}
	return pieces
}

func number(s string) *float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return &f
}
