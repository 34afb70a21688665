package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// blueprint is everything that makes an endpoint what it is. Two endpoints with
// equal blueprints are interchangeable, which is what a reload asks.
type blueprint struct {
	upstream     string
	target       target
	credential   credential
	preserveHost bool
	tls          tlsMaterial
}

// tlsMaterial is the content of the files of a [ClientTLS], so that a renewed
// certificate counts as a change.
type tlsMaterial struct {
	ca, cert, key string
	serverName    string
	insecure      bool
}

// draft reads keys and certificates and returns the blueprint of every endpoint.
// It starts nothing.
func draft(cfg *Config, deps *Deps) ([]blueprint, error) {
	material, err := readTLS(&cfg.TLS, deps)
	if err != nil {
		return nil, err
	}
	var errs []error
	prints := make([]blueprint, len(cfg.Endpoints))
	for i := range cfg.Endpoints {
		bp, err := draftEndpoint(cfg, &cfg.Endpoints[i], deps)
		if err != nil {
			var field *FieldError
			if errors.As(err, &field) {
				field.Path = fmt.Sprintf("endpoints[%d].%s", i, field.Path)
			}
			errs = append(errs, err)
			continue
		}
		if bp.target.tls() {
			bp.tls = material
		}
		prints[i] = bp
	}
	return prints, errors.Join(errs...)
}

func draftEndpoint(cfg *Config, e *EndpointConfig, deps *Deps) (blueprint, error) {
	t, err := parseTarget(e.URL)
	if err != nil {
		return blueprint{}, &FieldError{"url", err}
	}
	key, err := readKey(e, deps)
	if err != nil {
		return blueprint{}, err
	}
	bp := blueprint{
		upstream:     cfg.Name,
		target:       t,
		credential:   newCredential(cfg.Protocol, e.KeyHeader, key),
		preserveHost: cfg.HostHeader == "preserve" || cfg.HostHeader == "" && cfg.Protocol == "http" && !t.tls(),
	}
	if t.basic != "" {
		bp.credential = basicCredential(t.basic)
	}
	return bp, nil
}

// readKey returns the key of an endpoint without the white space around it, which
// editors and mounted secrets leave there.
func readKey(e *EndpointConfig, deps *Deps) (string, error) {
	var field, key string
	switch {
	case e.KeyEnv != "":
		field = "key_env"
		v, ok := deps.LookupEnv(e.KeyEnv)
		if !ok {
			return "", &FieldError{field, fmt.Errorf("environment variable %s is not set", e.KeyEnv)}
		}
		key = v
	case e.KeyFile != "":
		field = "key_file"
		b, err := deps.ReadFile(e.KeyFile)
		if err != nil {
			return "", &FieldError{field, fmt.Errorf("read key: %w", err)}
		}
		key = string(b)
	default:
		return "", nil
	}
	key = strings.TrimSpace(key)
	if err := checkKey(key); err != nil {
		return "", &FieldError{field, err}
	}
	return key, nil
}

func readTLS(c *ClientTLS, deps *Deps) (tlsMaterial, error) {
	m := tlsMaterial{serverName: c.ServerName, insecure: c.InsecureSkipVerify}
	var errs []error
	read := func(field, path string, to *string) {
		if path == "" {
			return
		}
		b, err := deps.ReadFile(path)
		if err != nil {
			errs = append(errs, &FieldError{"tls." + field, fmt.Errorf("read certificate: %w", err)})
		}
		*to = string(b)
	}
	read("ca_file", c.CAFile, &m.ca)
	read("cert_file", c.CertFile, &m.cert)
	read("key_file", c.KeyFile, &m.key)
	if len(errs) == 0 {
		_, err := m.config("")
		errs = append(errs, err)
	}
	return m, errors.Join(errs...)
}

// config returns what a TLS client needs to talk to host.
func (m *tlsMaterial) config(host string) (*tls.Config, error) {
	const sessions = 64 // of one endpoint; a handful is in use at a time
	cfg := &tls.Config{
		ServerName:         host,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
		InsecureSkipVerify: m.insecure, //nolint:gosec // the operator's explicit setting
	}
	if m.serverName != "" {
		cfg.ServerName = m.serverName
	}
	if m.ca != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(m.ca)) {
			return nil, &FieldError{"tls.ca_file", errors.New("holds no PEM certificate")}
		}
	}
	if m.cert != "" {
		pair, err := tls.X509KeyPair([]byte(m.cert), []byte(m.key))
		if err != nil {
			return nil, &FieldError{"tls.cert_file", fmt.Errorf("load client certificate: %w", err)}
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
