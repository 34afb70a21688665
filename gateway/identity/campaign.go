package identity

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Campaign is what is known about a marketing campaign.
type Campaign struct {
	// Value is what the campaign is worth, in millionths of a unit of currency.
	Value int64
	// Business is the line of business that it belongs to, or empty.
	Business string
}

// Campaigns is a table of campaigns. It is immutable; a nil table is empty.
type Campaigns struct {
	byID map[string]Campaign
}

// Lookup returns the campaign with that id.
func (c *Campaigns) Lookup(id string) (Campaign, bool) {
	if c == nil {
		return Campaign{}, false
	}
	campaign, ok := c.byID[id]
	return campaign, ok
}

// Len returns the number of campaigns.
func (c *Campaigns) Len() int {
	if c == nil {
		return 0
	}
	return len(c.byID)
}

const (
	maxCampaignBytes  = 64 << 20
	maxCampaignErrors = 20
)

// LoadCampaigns reads a YAML map of campaign id to {value, business}. Values are
// exact; a number that a float cannot hold is not rounded. Every fault is
// reported as name:line:column, joined; after twenty the rest is left out. The
// time it takes grows with the size of the table as long as that is written in
// block style.
func LoadCampaigns(data []byte, name string) (*Campaigns, error) {
	if len(data) > maxCampaignBytes {
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that a campaign table may have", name, len(data), maxCampaignBytes)
	}
	l := campaignLoader{name: name, table: &Campaigns{byID: map[string]Campaign{}}}
	if isBlockStyle(data) {
		for len(data) > 0 && len(l.errs) < maxCampaignErrors {
			entry := firstEntry(data)
			l.parse(entry)
			l.line += bytes.Count(entry, lineFeed)
			data = data[len(entry):]
		}
	} else {
		l.parse(data)
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return l.table, nil
}

var lineFeed = []byte{'\n'}

// isBlockStyle reports whether every line that starts in the first column starts
// an entry or is a comment, so that entries can be parsed one by one: the parser
// takes time that grows with the square of a map's size.
func isBlockStyle(data []byte) bool {
	if bytes.Count(data, []byte{'\r'}) != bytes.Count(data, []byte("\r\n")) {
		return false
	}
	for line := range bytes.Lines(data) {
		switch line[0] {
		case ' ', '\t', '\r', '\n', '#', '"', '\'', '_':
		default:
			// Letters and digits of any script start a plain key; punctuation may
			// be document markers, flow style, tags, anchors and what not.
			if c := line[0]; c < '0' || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x80) || c == 0xef {
				return false
			}
		}
	}
	return true
}

// firstEntry returns the beginning of a table in block style up to the line where
// the second entry starts.
func firstEntry(data []byte) []byte {
	seen, n := false, 0
	for line := range bytes.Lines(data) {
		switch line[0] {
		case ' ', '\t', '\r', '\n', '#':
		default:
			if seen {
				return data[:n]
			}
			seen = true
		}
		n += len(line)
	}
	return data
}

type campaignLoader struct {
	name  string
	line  int // lines before the part that is parsed
	table *Campaigns
	errs  []error
}

func (l *campaignLoader) parse(part []byte) {
	file, err := parser.ParseBytes(part, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			l.failAt(syntax.Token, "%s", syntax.Message)
		} else {
			l.failAt(nil, "%v", err)
		}
		return
	}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			l.fail(doc.Body, "a campaign table is one document")
		default:
			l.document(doc.Body)
		}
	}
}

func (l *campaignLoader) fail(at ast.Node, format string, args ...any) {
	l.failAt(at.GetToken(), format, args...)
}

func (l *campaignLoader) failAt(at *token.Token, format string, args ...any) {
	if len(l.errs) == maxCampaignErrors {
		return
	}
	line, column := 1, 1
	if at != nil && at.Position != nil {
		line, column = at.Position.Line, at.Position.Column
	}
	l.errs = append(l.errs, fmt.Errorf("%s:%d:%d: %s", l.name, l.line+line, column, fmt.Sprintf(format, args...)))
}

func (l *campaignLoader) document(body ast.Node) {
	switch body.(type) {
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	}
	entries, ok := mapping(body)
	if !ok {
		l.fail(body, "must be a map of campaign id to {value, business}")
		return
	}
	for _, e := range entries {
		id, ok := scalar(e.Key)
		switch {
		case !ok || id == "":
			l.fail(e.Key, "a campaign id must be a plain value")
			continue
		case validValue(id) != nil:
			l.fail(e.Key, "campaign id %v", validValue(id))
			continue
		}
		if _, twice := l.table.byID[id]; twice {
			l.fail(e.Key, "campaign %q is there twice", id)
			continue
		}
		l.table.byID[id] = l.campaign(e)
	}
}

func (l *campaignLoader) campaign(e *ast.MappingValueNode) (c Campaign) {
	settings, ok := mapping(e.Value)
	if !ok {
		l.fail(e.Value, "must be a map of value and business")
		return c
	}
	hasValue := false
	for _, s := range settings {
		key, _ := scalar(s.Key)
		text, ok := scalar(s.Value)
		if !ok {
			l.fail(s.Value, "%s must be a plain value", key)
			continue
		}
		var err error
		switch key {
		case "value":
			hasValue = true
			c.Value, err = ParseMicros(text)
		case "business":
			c.Business, err = text, validValue(text)
		default:
			l.fail(s.Key, "unknown key %q; there are value and business", key)
		}
		if err != nil {
			l.fail(s.Value, "%s %v", key, err)
		}
	}
	if !hasValue {
		l.fail(e.Key, "has no value")
	}
	return c
}

// mapping returns the entries of a map.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// scalar returns a value as it is written, without quotes.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

// CampaignTable holds the current campaigns. Lookups are safe next to a Load.
type CampaignTable struct {
	readFile func(string) ([]byte, error)
	current  atomic.Pointer[Campaigns]
}

// NewCampaignTable returns an empty table that reads its files with readFile, or
// os.ReadFile if that is nil.
func NewCampaignTable(readFile func(string) ([]byte, error)) *CampaignTable {
	if readFile == nil {
		readFile = os.ReadFile
	}
	return &CampaignTable{readFile: readFile}
}

// Load replaces the campaigns by those of a file. If that cannot be read or is
// faulty, the table stays as it is.
func (t *CampaignTable) Load(path string) error {
	data, err := t.readFile(path)
	if err != nil {
		return fmt.Errorf("read campaign table: %w", err)
	}
	c, err := LoadCampaigns(data, path)
	if err != nil {
		return err
	}
	t.current.Store(c)
	return nil
}

// Lookup returns the campaign with that id.
func (t *CampaignTable) Lookup(id string) (Campaign, bool) { return t.current.Load().Lookup(id) }

// Len returns the number of campaigns.
func (t *CampaignTable) Len() int { return t.current.Load().Len() }
