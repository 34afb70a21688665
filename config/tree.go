package config

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// kind is the shape of a value.
type kind uint8

const (
	nullKind kind = iota
	scalarKind
	listKind
	mapKind
)

// String names the shape for messages.
func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a map"}[k]
}

// node is a value of the file. Aliases share the node of their anchor, so nodes
// are not changed once they are built.
type node struct {
	kind kind
	at   position
	// text is the value of a scalar, with the environment expanded.
	text string
	// source is the text before that, for messages.
	source string
	// quoted says that the scalar can only be a string. One that came from
	// the environment may be any type.
	quoted, expanded bool
	list             []*node
	entries          []entry
	// size counts the values below and including this one, aliases expanded.
	size int
}

// entry is a key of a map and its value.
type entry struct {
	key   string
	at    position
	value *node
}

// get returns the value of key, or nil.
func (n *node) get(key string) *entry {
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// treeBuilder turns the parser's nodes into ours.
type treeBuilder struct {
	rep     *report
	lookup  func(string) (string, bool)
	anchors map[string]*node
}

// document returns the only document of the file.
func (b *treeBuilder) document(file *ast.File) *node {
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if _, ok := doc.Body.(*ast.DirectiveNode); ok {
			continue
		}
		if root != nil {
			b.rep.addf(tokenPosition(doc.Body.GetToken()), "a second document starts here; expected one document in the file")
			break
		}
		root = b.build(doc.Body)
	}
	if root == nil || root.kind == nullKind {
		b.rep.addf(position{}, "the file says nothing; expected at least one upstream and one route (weir init writes a file to start from)")
		return nil
	}
	if root.kind != mapKind {
		b.rep.addf(root.at, "the file is %s; expected a map with keys such as upstreams and routes", root.kind)
		return nil
	}
	return root
}

func (b *treeBuilder) build(n ast.Node) *node {
	switch n := n.(type) {
	case nil:
		return &node{size: 1}
	case *ast.MappingNode:
		return b.mapping(n.Start, n.Values)
	case *ast.MappingValueNode:
		return b.mapping(n.Key.GetToken(), []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		return b.sequence(n)
	case *ast.AnchorNode:
		v := b.build(n.Value)
		b.anchors[n.Name.GetToken().Value] = v
		return v
	case *ast.AliasNode:
		return b.alias(n)
	case *ast.TagNode:
		return b.tag(n)
	default:
		return b.scalar(n)
	}
}

func (b *treeBuilder) mapping(start *token.Token, values []*ast.MappingValueNode) *node {
	m := &node{kind: mapKind, at: tokenPosition(start), size: 1}
	var merged []*node
	if len(values) > 0 && (start == nil || start.Type != token.MappingStartType) {
		m.at = tokenPosition(values[0].Key.GetToken())
	}
	for _, v := range values {
		at := tokenPosition(v.Key.GetToken())
		if v.Key.IsMergeKey() {
			merged = append(merged, b.merge(v.Value)...)
			continue
		}
		value := b.build(v.Value)
		if value.at.line == 0 {
			value.at = at
		}
		m.size = addSize(m.size, value.size)
		key, ok := b.key(v.Key)
		if !ok {
			continue
		}
		if first := m.get(key); first != nil {
			b.rep.addf(at, "key %q is given twice, first on line %d; remove one", key, first.at.line)
			continue
		}
		m.entries = append(m.entries, entry{key: key, at: at, value: value})
	}
	for _, from := range merged {
		m.size = addSize(m.size, from.size)
		for _, e := range from.entries {
			if m.get(e.key) == nil {
				m.entries = append(m.entries, e)
			}
		}
	}
	return m
}

// key returns the text of a map's key.
func (b *treeBuilder) key(k ast.MapKeyNode) (string, bool) {
	var n ast.Node = k
	if complexKey, ok := n.(*ast.MappingKeyNode); ok {
		n = complexKey.Value
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return unmaskBraces(n.Value), true
	case ast.ScalarNode:
		return unmaskBraces(n.GetToken().Value), true
	}
	b.rep.addf(tokenPosition(k.GetToken()), "a key must be a plain word")
	return "", false
}

// merge returns the maps that a merge key (<<) brings in.
func (b *treeBuilder) merge(value ast.Node) []*node {
	v := b.build(value)
	from := []*node{v}
	if v.kind == listKind {
		from = v.list
	}
	var maps []*node
	for _, m := range from {
		if m.kind != mapKind {
			b.rep.addf(m.at, "a merge key (<<) brings in %s; expected a map", m.kind)
			continue
		}
		maps = append(maps, m)
	}
	return maps
}

func (b *treeBuilder) sequence(n *ast.SequenceNode) *node {
	l := &node{kind: listKind, at: tokenPosition(n.Start), size: 1}
	for i, v := range n.Values {
		item := b.build(v)
		if item.at.line == 0 {
			item.at = l.at
			if i < len(n.Entries) && n.Entries[i].Start != nil {
				item.at = tokenPosition(n.Entries[i].Start)
			}
		}
		l.size = addSize(l.size, item.size)
		l.list = append(l.list, item)
	}
	return l
}

func (b *treeBuilder) alias(n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	if v, ok := b.anchors[name]; ok {
		return v
	}
	at := tokenPosition(n.Start)
	b.rep.addf(at, "alias *%s has no anchor &%s before it", printable(name), printable(name))
	return &node{at: at, size: 1}
}

// tag accepts the tags of YAML's own scalar and collection types.
func (b *treeBuilder) tag(n *ast.TagNode) *node {
	v := b.build(n.Value)
	if v.at.line == 0 {
		v.at = tokenPosition(n.Start)
	}
	switch n.Start.Value {
	case "!!str":
		str := *v
		str.quoted = true
		return &str
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
	default:
		b.rep.addf(tokenPosition(n.Start), "tag %s has no meaning here; remove it", n.Start.Value)
	}
	return v
}

func (b *treeBuilder) scalar(n ast.Node) *node {
	t := n.GetToken()
	v := &node{kind: scalarKind, at: tokenPosition(t), size: 1}
	switch n := n.(type) {
	case *ast.NullNode:
		v.kind = nullKind
		return v
	case *ast.LiteralNode:
		v.text, v.quoted = n.Value.Value, true
	case *ast.StringNode:
		v.text, v.quoted = n.Value, t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
	case ast.ScalarNode:
		v.text = t.Value
	default:
		b.rep.addf(v.at, "this kind of YAML value is not supported here")
		return v
	}
	b.expand(v)
	return v
}

// addSize adds without overflow, since aliases can multiply sizes without end.
func addSize(a, b int) int { return min(a+b, maxValues+1) }
