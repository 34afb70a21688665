package config

import _ "embed"

//go:embed starter.yaml
var starter []byte

// Starter returns the commented configuration that weir init writes. The caller
// may not change it.
func Starter() []byte { return starter }
