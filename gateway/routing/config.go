package routing

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"
)

// RouteConfig says which requests go to which upstream. The first route whose
// match holds is taken.
type RouteConfig struct {
	Name          string     `yaml:"name" json:"name"`
	Match         RouteMatch `yaml:"match,omitempty" json:"match,omitempty"`
	Upstream      string     `yaml:"upstream" json:"upstream"`
	ExposeHeaders *bool      `yaml:"expose_headers,omitempty" json:"expose_headers,omitempty" jsonschema:"default=true,description=false removes all X-Weir-* from responses"`
}

// RouteMatch holds when each part that is set holds.
type RouteMatch struct {
	Host   StringList `yaml:"host,omitempty" json:"host,omitempty" jsonschema:"description=Host names without port; *.example.com matches every name below it"`
	Path   StringList `yaml:"path,omitempty" json:"path,omitempty" jsonschema:"description=Path patterns: * matches within one segment; ** and a trailing /* match any number of segments"`
	Method StringList `yaml:"method,omitempty" json:"method,omitempty"`
}

// ClassMatch says whom a class is for. Each part that is set must hold; a list
// holds when one of its values does.
type ClassMatch struct {
	Tier          StringList `yaml:"tier,omitempty" json:"tier,omitempty"`
	Tenant        StringList `yaml:"tenant,omitempty" json:"tenant,omitempty"`
	User          StringList `yaml:"user,omitempty" json:"user,omitempty"`
	Campaign      StringList `yaml:"campaign,omitempty" json:"campaign,omitempty"`
	Business      StringList `yaml:"business,omitempty" json:"business,omitempty"`
	Mode          StringList `yaml:"mode,omitempty" json:"mode,omitempty"`
	Route         StringList `yaml:"route,omitempty" json:"route,omitempty"`
	CampaignValue string     `yaml:"campaign_value,omitempty" json:"campaign_value,omitempty" jsonschema:"description=Comparison with the campaign's value such as '>= 100000',pattern=^(>=|<=|>|<|==)? *[0-9]+([.][0-9]+)?$"`
}

// StringList is a list that may be written as a single string in YAML.
type StringList []string

// UnmarshalYAML reads a list of scalars or a single one.
func (l *StringList) UnmarshalYAML(unmarshal func(any) error) error {
	var node ast.Node
	if err := unmarshal(&node); err != nil {
		return err
	}
	*l = nil
	switch n := node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		var many []string
		if err := unmarshal(&many); err != nil {
			return err
		}
		*l = many
		return nil
	case *ast.MappingNode, *ast.MappingValueNode:
		return &yaml.SyntaxError{Message: "must be a value or a list of values", Token: n.GetToken()}
	}
	var one string
	if err := unmarshal(&one); err != nil {
		return err
	}
	*l = StringList{one}
	return nil
}

// JSONSchema describes both forms.
func (StringList) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string"},
		{Type: "array", Items: &jsonschema.Schema{Type: "string"}},
	}}
}
