package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder writes a tree into Go values and reports what does not fit.
type decoder struct {
	rep *report
}

// decodeRoot decodes the whole file.
func decodeRoot(root *node, cfg *Config, rep *report) {
	d := &decoder{rep: rep}
	d.decode(root, reflect.ValueOf(cfg).Elem(), "", rule{})
}

// selfDecoder is a type with a YAML form of its own. The function that it is
// given decodes the value into something else, as strictly as everywhere.
type selfDecoder interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// decode writes n into v. The path is that of n.
func (d *decoder) decode(n *node, v reflect.Value, path string, r rule) {
	if v.Type() == reflect.TypeFor[ast.Node]() {
		v.Set(reflect.ValueOf(yamlNode(n)))
		return
	}
	if v.CanAddr() {
		switch self := v.Addr().Interface().(type) {
		case selfDecoder:
			d.decodeSelf(n, self, path, r)
			return
		case encoding.TextUnmarshaler:
			d.decodeText(n, self, path)
			return
		}
	}
	if n.kind == nullKind {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, r)
	case reflect.Struct:
		d.decodeStruct(n, v, path)
	case reflect.Slice:
		d.decodeList(n, v, path, r)
	case reflect.Map:
		d.decodeMap(n, v, path)
	case reflect.Interface:
		v.Set(reflect.ValueOf(plainValue(n)))
	default:
		d.decodeScalar(n, v, path, r)
	}
}

// decodeSelf lets a type decode itself. Its attempts are not reported one by
// one, only what it returns in the end.
func (d *decoder) decodeSelf(n *node, self selfDecoder, path string, r rule) {
	err := self.UnmarshalYAML(func(target any) error {
		attempt := &decoder{rep: &report{file: d.rep.file}}
		attempt.decode(n, reflect.ValueOf(target).Elem(), path, r)
		if len(attempt.rep.errs) == 0 {
			return nil
		}
		return attempt.rep.errs
	})
	if found, ok := errors.AsType[Errors](err); ok {
		d.rep.errs = append(d.rep.errs, found...)
	} else if syntax, ok := errors.AsType[yaml.Error](err); ok {
		d.rep.addf(n.at, "%s: %s", path, syntax.GetMessage())
	} else if err != nil {
		d.rep.addf(n.at, "%s: %s", path, d.hide(n, err))
	}
}

func (d *decoder) decodeText(n *node, self encoding.TextUnmarshaler, path string) {
	switch n.kind {
	case nullKind:
	case scalarKind:
		if err := self.UnmarshalText([]byte(n.text)); err != nil {
			d.rep.addf(n.at, "%s: %s", path, d.hide(n, err))
		}
	default:
		d.rep.addf(n.at, "%s: expected a single value, got %s", path, n.kind)
	}
}

// hide keeps what came from the environment, which may be a secret, out of errors.
func (d *decoder) hide(n *node, err error) string {
	msg := err.Error()
	if n.expanded && n.text != "" {
		msg = strings.ReplaceAll(msg, fmt.Sprintf("%q", n.text), n.shown())
		msg = strings.ReplaceAll(msg, n.text, n.shown())
	}
	return msg
}

func (d *decoder) decodeStruct(n *node, v reflect.Value, path string) {
	if n.kind != mapKind {
		d.rep.addf(n.at, "%s: expected a map, got %s", path, n.show())
		return
	}
	fields := fieldsOf(v.Type())
	known := make([]string, len(fields))
	byName := make(map[string]*field, len(fields))
	for i := range fields {
		known[i] = fields[i].name
		byName[fields[i].name] = &fields[i]
	}
	for _, e := range n.entries {
		f := byName[e.key]
		if f == nil {
			d.unknownKey(e, path, known)
			continue
		}
		d.decode(e.value, v.FieldByIndex(f.index), join(path, e.key), f.rule)
	}
}

func (d *decoder) unknownKey(e entry, path string, known []string) {
	if isLater(path, e.key) {
		d.rep.addf(e.at, "%q is not part of this version of Weir: it would have no effect; remove it", e.key)
		return
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	d.rep.addf(e.at, "unknown key %q%s%s", e.key, where, meant(e.key, known, "known are"))
}

func (d *decoder) decodeList(n *node, v reflect.Value, path string, r rule) {
	if n.kind != listKind {
		d.rep.addf(n.at, "%s: expected a list, got %s", path, n.show())
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.list), len(n.list))
	for i, item := range n.list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == nullKind {
			d.rep.addf(item.at, "%s: expected a value, got nothing", at)
			continue
		}
		d.decode(item, list.Index(i), at, r)
	}
	v.Set(list)
}

func (d *decoder) decodeMap(n *node, v reflect.Value, path string) {
	if n.kind != mapKind {
		d.rep.addf(n.at, "%s: expected a map, got %s", path, n.show())
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(e.value, value, join(path, e.key), rule{})
		m.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

func (d *decoder) decodeScalar(n *node, v reflect.Value, path string, r rule) {
	if n.kind != scalarKind {
		d.rep.addf(n.at, "%s: expected %s, got %s", path, wanted(v.Type(), r), n.kind)
		return
	}
	var ok bool
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		ok = setDuration(n, v)
	case v.Kind() == reflect.String:
		v.SetString(n.text)
		ok = true
	default:
		ok = setPlain(n, v)
	}
	if !ok {
		d.rep.addf(n.at, "%s: expected %s, got %s%s", path, wanted(v.Type(), r), n.shown(), hint(n, v.Type()))
		return
	}
	d.checkRule(n, v, path, r)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// yamlNode returns n for types that decode themselves from the parser's nodes.
// Only the kind and, for scalars, the text are kept.
func yamlNode(n *node) ast.Node {
	at := &token.Position{Line: n.at.line, Column: n.at.column}
	t := token.String(n.text, n.text, at)
	switch n.kind {
	case nullKind:
		return ast.Null(token.New("null", "null", at))
	case listKind:
		return ast.Sequence(t, true)
	case mapKind:
		return ast.Mapping(t, true)
	default:
		return ast.String(t)
	}
}
