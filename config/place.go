package config

import (
	"errors"
	"strconv"
	"strings"

	"github.com/weir-gateway/weir/gateway"
)

// reportFields adds the errors of Validate at the positions of their settings.
func reportFields(rep *report, root *node, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			reportFields(rep, root, e)
		}
		return
	}
	if f, ok := errors.AsType[*gateway.FieldError](err); ok {
		rep.addf(placeOf(root, f.Path), "%s: %s", f.Path, f.Err)
		return
	}
	rep.addf(root.at, "%s", err)
}

// placeOf returns where the setting at path stands, or else the nearest of its
// ancestors that the file has.
func placeOf(root *node, path string) position {
	at, n := position{1, 1}, root
	for path != "" && n != nil {
		step, rest, index := nextStep(path)
		if index >= 0 {
			if n.kind != listKind && index == 0 {
				path = rest // a list of one written as a single value
				continue
			}
			if n.kind != listKind || index >= len(n.list) {
				return at
			}
			n = n.list[index]
			at, path = n.at, rest
			continue
		}
		e := n.get(step)
		if e == nil {
			return at
		}
		at, n, path = e.at, e.value, rest
		if n.kind == scalarKind {
			at = n.at
		}
	}
	return at
}

// nextStep cuts the first key or index off a path. The index of a key is -1.
func nextStep(path string) (key, rest string, index int) {
	path = strings.TrimPrefix(path, ".")
	if inner, ok := strings.CutPrefix(path, "["); ok {
		digits, rest, _ := strings.Cut(inner, "]")
		if i, err := strconv.Atoi(digits); err == nil && i >= 0 {
			return "", rest, i
		}
		return digits, rest, -1
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	return path[:end], path[end:], -1
}
