package upstream

import (
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// unmarshalScalar hands a YAML scalar to parse as text, whatever its YAML type,
// and gives parse's error the line and column of the scalar.
func unmarshalScalar(unmarshal func(any) error, parse func([]byte) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	err := parse([]byte(text))
	if err == nil {
		return nil
	}
	var node ast.Node
	if unmarshal(&node) != nil || node == nil {
		return err
	}
	return &yaml.SyntaxError{Message: err.Error(), Token: node.GetToken()}
}
