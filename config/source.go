package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a configuration file.
const (
	// MaxFileBytes is the largest configuration file.
	MaxFileBytes = 4 << 20
	// maxDepth bounds the nesting of lists and maps. The parser is recursive,
	// so the bound is checked on the tokens before it runs.
	maxDepth = 64
	// maxValues bounds the values of a file after its aliases are expanded.
	maxValues = 200_000
)

// The braces of ${NAME} are these characters while YAML is parsed, since in
// {a: ${NAME}} a brace would end the map.
const (
	openMark  = '\uFDD0'
	closeMark = '\uFDD1'
)

// parseTree turns the bytes of a file into its tree of values, or reports why
// that is impossible.
func parseTree(data []byte, rep *report, lookup func(string) (string, bool)) *node {
	if !checkBytes(data, rep) {
		return nil
	}
	file := parseYAML(maskBraces(string(data)), rep)
	if file == nil {
		return nil
	}
	b := &treeBuilder{rep: rep, lookup: lookup, anchors: make(map[string]*node)}
	root := b.document(file)
	if root != nil && root.size > maxValues {
		rep.addf(root.at, "the file has more than %d values once its aliases are expanded", maxValues)
		return nil
	}
	return root
}

// checkBytes reports what is wrong before YAML comes into play.
func checkBytes(data []byte, rep *report) bool {
	if len(data) > MaxFileBytes {
		rep.addf(position{}, "the file has %d bytes; expected at most %d (4MiB)", len(data), MaxFileBytes)
		return false
	}
	at, seen := position{1, 1}, false
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			rep.addf(at, "byte 0x%02x is not UTF-8; save the file in UTF-8", data[i])
			return false
		}
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == openMark || r == closeMark {
			rep.addf(at, "character U+%04X is not allowed in a configuration", r)
			return false
		}
		i += n
		if r == '\n' {
			at = position{at.line + 1, 1}
			continue
		}
		at.column++
		seen = seen || r != ' ' && r != '\t' && r != '\r'
	}
	if !seen {
		rep.addf(position{}, "the file is empty; expected at least one upstream and one route (weir init writes a file to start from)")
	}
	return seen
}

// maskBraces replaces the braces of ${…} without moving any other character.
func maskBraces(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		n := strings.IndexAny(s[i:], "}\n")
		if n < 0 || s[i+n] == '\n' || strings.ContainsAny(s[i+2:i+n], "{$") {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i+1])
		b.WriteRune(openMark)
		b.WriteString(s[i+2 : i+n])
		b.WriteRune(closeMark)
		s = s[i+n+1:]
	}
	b.WriteString(s)
	return b.String()
}

func unmaskBraces(s string) string {
	return strings.NewReplacer(string(openMark), "{", string(closeMark), "}").Replace(s)
}

// parseYAML runs the YAML parser. What it panics on is an error of the file too.
func parseYAML(src string, rep *report) (file *ast.File) {
	defer func() {
		if p := recover(); p != nil {
			rep.addf(position{}, "the file is not valid YAML")
			file = nil
		}
	}()
	tokens := lexer.Tokenize(src)
	if !checkDepth(tokens, rep) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file
	}
	at, msg := position{}, err.Error()
	if e, ok := errors.AsType[yaml.Error](err); ok {
		at, msg = tokenPosition(e.GetToken()), e.GetMessage()
	}
	if tab := tabIndent(src, at.line+1); tab.line > 0 {
		at, msg = tab, "a tab cannot indent YAML; use spaces"
	}
	rep.addf(at, "not valid YAML: %s", unmaskBraces(msg))
	return nil
}

// tabIndent finds the first line, up to last, that is indented with a tab.
func tabIndent(src string, last int) position {
	n := 0
	for line := range strings.Lines(src) {
		if n++; n > last {
			break
		}
		blank := len(line) - len(strings.TrimLeft(line, " \t"))
		if i := strings.IndexByte(line[:blank], '\t'); i >= 0 && strings.TrimSpace(line) != "" {
			return position{n, i + 1}
		}
	}
	return position{}
}

// checkDepth reports nesting beyond maxDepth. Flow collections nest by bracket,
// block collections by column; several on one line nest by their indicators.
func checkDepth(tokens token.Tokens, rep *report) bool {
	var columns []int
	flow, line, onLine := 0, 0, 0
	for _, t := range tokens {
		at := tokenPosition(t)
		if at.line != line {
			line, onLine = at.line, 0
			for len(columns) > 0 && columns[len(columns)-1] >= at.column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, at.column)
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType, token.MappingValueType:
			onLine++
		case token.CollectEntryType:
			onLine = 0
		}
		if flow > maxDepth || onLine > maxDepth || len(columns) > maxDepth {
			rep.addf(at, "lists and maps are nested more than %d deep", maxDepth)
			return false
		}
	}
	return true
}

func tokenPosition(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

// knownKeys lists keys for a message.
func knownKeys(keys []string) string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	const most = 30
	if len(keys) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(keys[:most], ", "), len(keys)-most)
	}
	return strings.Join(keys, ", ")
}
