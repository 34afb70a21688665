package upstream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of settings that would otherwise overflow or make no sense.
const (
	maxWeight    = 1_000_000
	maxEndpoints = 1024
	maxAttempts  = 10
	maxName      = 128
)

// Validate reports everything that is wrong with a Config whose defaults are set:
// several [FieldError] joined. Rules across upstreams are not checked here.
func (c *Config) Validate() error {
	v := validator{}
	v.name(c.Name)
	v.word("protocol", c.Protocol, "openai", "anthropic", "gemini", "http")
	v.word("balance", c.Balance, "least_in_flight", "two_choices", "weighted")
	if c.HostHeader != "" {
		v.word("host_header", c.HostHeader, "preserve", "endpoint")
	}
	v.endpoints(c.Endpoints)
	v.capacity(&c.Capacity)
	v.timeouts(&c.Timeouts)
	v.retry(&c.Retry)
	v.atLeast("breaker.failures", c.Breaker.Failures, 1)
	v.positive("breaker.open_for", c.Breaker.OpenFor)
	v.health(&c.Health)
	v.fallback(c.Name, c.Fallback)
	v.tls(&c.TLS)
	v.pool(&c.Pool)
	return errors.Join(v.errs...)
}

// validator collects what is wrong.
type validator struct{ errs []error }

func (v *validator) add(path string, err error) {
	if err != nil {
		v.errs = append(v.errs, &FieldError{Path: path, Err: err})
	}
}

func (v *validator) addf(path, format string, args ...any) {
	v.add(path, fmt.Errorf(format, args...))
}

func (v *validator) word(path, word string, known ...string) {
	if !slices.Contains(known, word) {
		v.add(path, unknown(path, word, known...))
	}
}

func (v *validator) atLeast(path string, n, least int) {
	if n < least {
		v.addf(path, "%d is too small, at least %d is wanted", n, least)
	}
}

func (v *validator) positive(path string, d time.Duration) {
	if d <= 0 {
		v.addf(path, "%v must be more than zero", d)
	}
}

func (v *validator) notNegative(path string, d time.Duration) {
	if d < 0 {
		v.addf(path, "%v is negative", d)
	}
}

// name checks that the name can stand in a URL and in a metric.
func (v *validator) name(name string) {
	if name == "" {
		v.addf("name", "an upstream needs a name")
		return
	}
	odd := strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	if odd >= 0 || len(name) > maxName {
		v.addf("name", "%q is not a name: up to %d letters, digits, '.', '_' and '-'", clip(name), maxName)
	}
}

func (v *validator) endpoints(endpoints []EndpointConfig) {
	switch {
	case len(endpoints) == 0:
		v.addf("endpoints", "an upstream needs at least one endpoint")
		return
	case len(endpoints) > maxEndpoints:
		v.addf("endpoints", "%d endpoints are too many, at most %d are supported", len(endpoints), maxEndpoints)
		return
	}
	seen := make(map[string]int, len(endpoints))
	inUse := false
	for i := range endpoints {
		e := &endpoints[i]
		at := fmt.Sprintf("endpoints[%d]", i)
		inUse = inUse || e.Weight > 0
		v.endpoint(at, e)
		t, err := parseTarget(e.URL)
		if err != nil {
			v.add(at+".url", err)
			continue
		}
		if first, ok := seen[t.url]; ok {
			v.addf(at+".url", "%s is endpoints[%d] already: give that one more weight instead", t.url, first)
			continue
		}
		seen[t.url] = i
		if t.basic != "" && (e.KeyEnv != "" || e.KeyFile != "") {
			v.addf(at+".url", "user information in the URL and a key exclude each other")
		}
	}
	if !inUse {
		v.addf("endpoints", "at least one endpoint needs a weight above zero")
	}
}

func (v *validator) endpoint(at string, e *EndpointConfig) {
	if e.KeyEnv != "" && e.KeyFile != "" {
		v.addf(at+".key_file", "key_env and key_file exclude each other")
	}
	if e.KeyHeader != "" {
		v.add(at+".key_header", checkKeyHeader(e.KeyHeader))
		if e.KeyEnv == "" && e.KeyFile == "" {
			v.addf(at+".key_header", "needs key_env or key_file")
		}
	}
	v.atLeast(at+".weight", e.Weight, 0)
	if e.Weight > maxWeight {
		v.addf(at+".weight", "%d is more than %d", e.Weight, maxWeight)
	}
}

func (v *validator) capacity(c *Capacity) {
	if !c.Seats.Adaptive {
		v.atLeast("capacity.seats", c.Seats.N, 1)
	}
	if c.Seats.N > maxSeats {
		v.addf("capacity.seats", "%d is more than %d", c.Seats.N, maxSeats)
	}
	v.atLeast("capacity.min_seats", c.MinSeats, 1)
	v.atLeast("capacity.max_seats", c.MaxSeats, 1)
	if c.MaxSeats > maxSeats {
		v.addf("capacity.max_seats", "%d is more than %d", c.MaxSeats, maxSeats)
	}
	if c.MinSeats > c.MaxSeats {
		v.addf("capacity.min_seats", "%d is more than max_seats, %d", c.MinSeats, c.MaxSeats)
	}
	v.atLeast("capacity.queue_limit", c.QueueLimit, 1)
	v.atLeast("capacity.queue_flows", c.QueueFlows, 1)
	if c.QueueBytes < 1 {
		v.addf("capacity.queue_bytes", "%v is too small, at least one byte is wanted", c.QueueBytes)
	}
}

func (v *validator) timeouts(t *Timeouts) {
	v.notNegative("timeouts.connect", t.Connect)
	v.notNegative("timeouts.first_byte", t.FirstByte)
	v.notNegative("timeouts.idle", t.Idle)
	v.notNegative("timeouts.total", t.Total)
}

func (v *validator) retry(r *Retry) {
	v.atLeast("retry.attempts", r.Attempts, 1)
	if r.Attempts > maxAttempts {
		v.addf("retry.attempts", "%d is more than %d", r.Attempts, maxAttempts)
	}
	if r.BudgetPercent < 0 || r.BudgetPercent > 100 {
		v.addf("retry.budget_percent", "%d is not between 0 and 100", r.BudgetPercent)
	}
	var set causeSet
	for i, name := range r.On {
		v.add(fmt.Sprintf("retry.on[%d]", i), set.addName(name))
	}
}

func (v *validator) health(h *Health) {
	if h.Path != "" {
		v.add("health.path", checkPath(h.Path))
	}
	v.positive("health.interval", h.Interval)
	v.positive("health.timeout", h.Timeout)
	v.atLeast("health.healthy", h.Healthy, 1)
	v.atLeast("health.unhealthy", h.Unhealthy, 1)
}

func (v *validator) fallback(self string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("fallback[%d]", i)
		switch {
		case name == "":
			v.addf(at, "is empty")
		case name == self:
			v.addf(at, "an upstream cannot fall back to itself")
		case slices.Index(names, name) < i:
			v.addf(at, "%s is in the list already", name)
		}
	}
}

func (v *validator) tls(t *ClientTLS) {
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		v.addf("tls.cert_file", "needs key_file as well")
	case t.KeyFile != "" && t.CertFile == "":
		v.addf("tls.key_file", "needs cert_file as well")
	}
	if strings.ContainsAny(t.ServerName, ":/ ") {
		v.addf("tls.server_name", "%q is not a host name", clip(t.ServerName))
	}
}

func (v *validator) pool(p *ConnPool) {
	v.atLeast("pool.max_idle", p.MaxIdle, 0)
	v.notNegative("pool.idle_timeout", p.IdleTimeout)
	v.notNegative("pool.max_lifetime", p.MaxLifetime)
	v.notNegative("pool.dns_refresh", p.DNSRefresh)
}
