package identity

import (
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
// reported as name:line:column, joined; after twenty the rest is left out.
func LoadCampaigns(data []byte, name string) (*Campaigns, error) {
	if len(data) > maxCampaignBytes {
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that a campaign table may have", name, len(data), maxCampaignBytes)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			return nil, positioned(name, syntax.Token, "%s", syntax.Message)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l := campaignLoader{name: name, table: &Campaigns{byID: map[string]Campaign{}}}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			l.fail(doc.Body, "a campaign table is one document")
		default:
			l.document(doc.Body)
		}
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return l.table, nil
}

type campaignLoader struct {
	name  string
	table *Campaigns
	errs  []error
}

func positioned(name string, at *token.Token, format string, args ...any) error {
	line, column := 1, 1
	if at != nil && at.Position != nil {
		line, column = at.Position.Line, at.Position.Column
	}
	return fmt.Errorf("%s:%d:%d: %s", name, line, column, fmt.Sprintf(format, args...))
}

func (l *campaignLoader) fail(at ast.Node, format string, args ...any) {
	if len(l.errs) < maxCampaignErrors {
		l.errs = append(l.errs, positioned(l.name, at.GetToken(), format, args...))
	}
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
