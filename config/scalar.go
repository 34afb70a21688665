package config

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shown is a scalar as errors quote it. What comes from the environment may be
// a secret and is not shown.
func (n *node) shown() string {
	if n.expanded {
		return "another value in " + strconv.Quote(n.source)
	}
	return strconv.Quote(n.text)
}

// show is shown for scalars, and the kind of anything else.
func (n *node) show() string {
	if n.kind == scalarKind {
		return n.shown()
	}
	return n.kind.String()
}

// setDuration accepts what time.ParseDuration does.
func setDuration(n *node, v reflect.Value) bool {
	d, err := time.ParseDuration(strings.TrimSpace(n.text))
	if err != nil {
		return false
	}
	v.SetInt(int64(d))
	return true
}

// setPlain accepts numbers and booleans. Quotes make a string of them, except
// where the value comes from the environment.
func setPlain(n *node, v reflect.Value) bool {
	text := n.text
	if n.quoted && !n.expanded {
		return false
	}
	if n.expanded {
		text = strings.TrimSpace(text)
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(text == "true")
		return text == "true" || text == "false"
	case reflect.Float64, reflect.Float32:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
		v.SetFloat(f)
		return true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64)
		if err != nil || v.OverflowInt(i) {
			return false
		}
		v.SetInt(i)
		return true
	}
	return false
}

// wanted says in words what a setting takes.
func wanted(t reflect.Type, r rule) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 500ms, 30s or 1h"
	case len(r.enum) > 0:
		return "one of " + strings.Join(r.enum, ", ")
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "a number" + span(r)
	case t.Kind() == reflect.String:
		return "text"
	}
	return "a whole number" + span(r)
}

// span writes the bounds of a number.
func span(r rule) string {
	f := func(p *float64) string { return strconv.FormatFloat(*p, 'f', -1, 64) }
	switch {
	case r.minimum != nil && r.maximum != nil:
		return " from " + f(r.minimum) + " to " + f(r.maximum)
	case r.minimum != nil:
		return " of at least " + f(r.minimum)
	case r.maximum != nil:
		return " of at most " + f(r.maximum)
	}
	return ""
}

// hint proposes how the value was probably meant.
func hint(n *node, t reflect.Type) string {
	if n.expanded {
		return ""
	}
	if t == reflect.TypeFor[time.Duration]() {
		text := strings.TrimSpace(n.text)
		if _, err := strconv.ParseUint(text, 10, 32); err == nil {
			return `; did you mean "` + text + `s"?`
		}
		days, isDays := strings.CutSuffix(text, "d")
		if d, err := strconv.ParseUint(days, 10, 16); isDays && err == nil {
			return `; did you mean "` + strconv.FormatUint(d*24, 10) + `h"?`
		}
		return ""
	}
	if n.quoted {
		return "; remove the quotes"
	}
	if t.Kind() == reflect.Bool {
		switch strings.ToLower(n.text) {
		case "yes", "on", "y", "1", "true":
			return `; did you mean true?`
		case "no", "off", "n", "0", "false":
			return `; did you mean false?`
		}
	}
	return ""
}

// checkRule checks a decoded scalar against the tags of its field.
func (d *decoder) checkRule(n *node, v reflect.Value, path string, r rule) {
	switch v.Kind() {
	case reflect.String:
		if len(r.enum) > 0 && !slices.Contains(r.enum, n.text) {
			known := "; expected one of " + strings.Join(r.enum, ", ")
			if near := nearest(n.text, r.enum); near != "" && !n.expanded {
				known = `; did you mean "` + near + `"? (` + strings.Join(r.enum, ", ") + ")"
			}
			d.rep.addf(n.at, "%s: unknown value %s%s", path, n.shown(), known)
		} else if r.pattern != nil && !r.pattern.MatchString(n.text) {
			d.rep.addf(n.at, "%s: %s does not match the pattern %s", path, n.shown(), r.pattern)
		}
	case reflect.Int, reflect.Int64:
		if v.Type() != reflect.TypeFor[time.Duration]() {
			d.checkSpan(n, float64(v.Int()), path, r)
		}
	case reflect.Float64:
		d.checkSpan(n, v.Float(), path, r)
	}
}

func (d *decoder) checkSpan(n *node, f float64, path string, r rule) {
	if r.minimum != nil && f < *r.minimum || r.maximum != nil && f > *r.maximum {
		d.rep.addf(n.at, "%s: %s is out of range; expected a number%s", path, n.shown(), span(r))
	}
}

// plainValue is the tree as Go's own types.
func plainValue(n *node) any {
	switch n.kind {
	case listKind:
		list := make([]any, len(n.list))
		for i, item := range n.list {
			list[i] = plainValue(item)
		}
		return list
	case mapKind:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = plainValue(e.value)
		}
		return m
	case scalarKind:
		return plainScalar(n)
	}
	return nil
}

func plainScalar(n *node) any {
	if n.quoted && !n.expanded {
		return n.text
	}
	if i, err := strconv.ParseInt(n.text, 10, 64); err == nil {
		return i
	}
	if f, err := strconv.ParseFloat(n.text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	switch n.text {
	case "true":
		return true
	case "false":
		return false
	}
	return n.text
}
