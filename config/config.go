package config

import (
	"fmt"
	"os"

	"github.com/weir-gateway/weir/gateway"
)

// Config is everything that one weir.yaml says.
type Config struct {
	gateway.Config `yaml:",inline"`
}

// Env is what a configuration may read besides itself. A nil field stands for
// the process's own environment or file system.
type Env struct {
	// LookupEnv finds the variables of ${NAME}.
	LookupEnv func(name string) (value string, ok bool)
	// ReadFile reads a whole file. What it returns is parsed only when it is
	// not larger than MaxFileBytes.
	ReadFile func(path string) ([]byte, error)
}

func (e Env) orProcess() Env {
	if e.LookupEnv == nil {
		e.LookupEnv = os.LookupEnv
	}
	if e.ReadFile == nil {
		e.ReadFile = os.ReadFile
	}
	return e
}

// Load reads the file at path, see Parse. The error of a file that cannot be read
// is the file system's, wrapped.
func Load(path string, env Env) (*Config, error) {
	env = env.orProcess()
	data, err := env.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(data, path, env)
}

// Parse turns a YAML file into a complete, valid configuration: absent settings
// have their defaults. The name is used in errors only. The error is an Errors.
func Parse(data []byte, name string, env Env) (*Config, error) {
	env = env.orProcess()
	rep := &report{file: name}
	root := parseTree(data, rep, env.LookupEnv)
	if rep.err() != nil {
		return nil, rep.err()
	}
	cfg := &Config{}
	decodeRoot(root, cfg, rep)
	if rep.err() != nil {
		return nil, rep.err()
	}
	cfg.SetDefaults()
	reportFields(rep, root, cfg.Validate())
	if err := rep.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}
