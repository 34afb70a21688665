package config

import "strings"

// expand replaces ${NAME} and ${NAME:-default} in a scalar, and $$ by $. The
// default stands in for a variable that is unset or empty.
func (b *treeBuilder) expand(v *node) {
	if !strings.ContainsRune(v.text, '$') {
		v.text = unmaskBraces(v.text)
		return
	}
	var out strings.Builder
	rest := unmaskBraces(v.text)
	v.source = rest
	for {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i+1:]
		switch {
		case strings.HasPrefix(rest, "$"):
			out.WriteByte('$')
			rest = rest[1:]
		case strings.HasPrefix(rest, "{"):
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				b.rep.addf(v.at, "${ is not closed; expected ${NAME} or ${NAME:-default}, or $$ for a plain $")
				return
			}
			out.WriteString(b.variable(v, rest[1:end]))
			v.expanded = true
			rest = rest[end+1:]
		default:
			out.WriteByte('$')
		}
	}
	out.WriteString(rest)
	v.text = out.String()
}

// variable returns the value of what stands between ${ and }.
func (b *treeBuilder) variable(v *node, expr string) string {
	name, def, hasDef := strings.Cut(expr, ":-")
	if !isVariable(name) {
		b.rep.addf(v.at, "${%s} does not name a variable; expected ${NAME} or ${NAME:-default}, or $${ for a plain ${", expr)
		return ""
	}
	value, ok := b.lookup(name)
	switch {
	case hasDef && value == "":
		return def
	case !ok:
		b.rep.addf(v.at, "environment variable %s is not set; set it, or write ${%s:-default}", name, name)
	case len(value) > MaxFileBytes/64:
		b.rep.addf(v.at, "environment variable %s has %d bytes; expected at most %d", name, len(value), MaxFileBytes/64)
		return ""
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
