package config

import (
	"slices"
	"sync"
	"time"

	"github.com/weir-gateway/weir/gateway"
)

// Reloader reads a configuration again and puts it in force. All methods are safe
// for concurrent use; reloads happen one after another.
type Reloader struct {
	path  string
	env   Env
	apply func(*Config) error

	mu      sync.Mutex
	current *Config
	err     error
	at      time.Time
}

// NewReloader makes a reloader of the file at path, of which current is in force.
// The function apply puts another one in force or returns why it did not; then
// nothing may have changed.
func NewReloader(path string, env Env, current *Config, apply func(*Config) error) *Reloader {
	return &Reloader{path: path, env: env, apply: apply, current: current, at: time.Now()}
}

// Reload loads, validates and applies the file. An error leaves everything as it
// was.
func (r *Reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cfg, err := Load(r.path, r.env)
	if err == nil {
		err = r.apply(cfg)
	}
	r.err, r.at = err, time.Now()
	if err == nil {
		r.current = cfg
	}
	return err
}

// Current returns the configuration in force. It must not be changed.
func (r *Reloader) Current() *Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// Last returns when the last reload was tried and what came of it.
func (r *Reloader) Last() (at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at, r.err
}

// Files lists the files that the configuration at path depends on: itself, the
// campaign table, certificates and keys.
func (c *Config) Files(path string) []string {
	files := []string{path}
	add := func(names ...string) {
		for _, n := range names {
			if n != "" && !slices.Contains(files, n) {
				files = append(files, n)
			}
		}
	}
	add(c.Campaigns.File)
	if t := c.Server.TLS; t != nil {
		add(t.CertFile, t.KeyFile)
	}
	for i := range c.Identity.APIKeys {
		add(c.Identity.APIKeys[i].KeyFile)
	}
	for i := range c.Upstreams {
		addUpstreamFiles(&c.Config, i, add)
	}
	return files
}

func addUpstreamFiles(c *gateway.Config, i int, add func(...string)) {
	u := &c.Upstreams[i]
	add(u.TLS.CAFile, u.TLS.CertFile, u.TLS.KeyFile)
	for _, e := range u.Endpoints {
		add(e.KeyFile)
	}
}
