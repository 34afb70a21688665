package gateway

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/scheduler"
)

// Bounds of a configuration.
const (
	// MaxClasses is the most classes a gateway can have.
	MaxClasses = 64
	// MaxWeight is the largest weight of a class.
	MaxWeight = 1000
	// maxName bounds the names that become label values.
	maxName = 63
)

// FieldError is one thing that is wrong with a configuration.
type FieldError struct {
	// Path is the setting, such as upstreams[1].endpoints[0].url.
	Path string
	// Err says what is wrong with it and what would be right.
	Err error
}

// Error writes path and reason.
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// SetDefaults fills in every setting that is absent. Without classes it sets
// the five of DefaultClasses. Calling it twice changes nothing.
func (c *Config) SetDefaults() {
	c.Server.setDefaults()
	setDefault(&c.Admin.Listen, "127.0.0.1:8081")
	c.Identity.SetDefaults()
	if len(c.Classes) == 0 {
		c.Classes = DefaultClasses()
	}
	for i := range c.Classes {
		c.Classes[i].setDefaults()
	}
	for i := range c.Upstreams {
		c.Upstreams[i].SetDefaults()
	}
	for i := range c.Routes {
		if c.Routes[i].ExposeHeaders == nil {
			yes := true
			c.Routes[i].ExposeHeaders = &yes
		}
	}
	c.Telemetry.setDefaults()
}

func (c *ServerConfig) setDefaults() {
	setDefault(&c.Listen, ":8080")
	setDefault(&c.DrainTimeout, 30*time.Second)
	l := &c.Limits
	setDefault(&l.HeaderBytes, 64<<10)
	setDefault(&l.BodyBytes, 32<<20)
	setDefault(&l.InspectBytes, 1<<20)
	setDefault(&l.Connections, 65536)
	setDefault(&l.HeaderTimeout, 10*time.Second)
	setDefault(&l.BodyTimeout, 30*time.Second)
	setDefault(&l.WriteTimeout, 60*time.Second)
	setDefault(&l.IdleTimeout, 90*time.Second)
}

func (c *ClassConfig) setDefaults() {
	setDefault(&c.MaxWait, 60*time.Second)
	setDefault(&c.QueueLimit, 5000)
	setDefault(&c.Flow, "tenant")
}

func (c *TelemetryConfig) setDefaults() {
	setDefault(&c.Log.Level, "info")
	setDefault(&c.Log.Format, "json")
	setDefault(&c.AccessLog.Path, "stdout")
	if c.AccessLog.Sample == nil {
		all := 1.0
		c.AccessLog.Sample = &all
	}
}

func setDefault[T comparable](p *T, v T) {
	*p = cmp.Or(*p, v)
}

// DefaultClasses are the classes of a configuration that names none: vip,
// campaign, realtime, standard (the last resort) and batch.
func DefaultClasses() []ClassConfig {
	return []ClassConfig{
		{
			Name: "vip", Weight: 40, Match: &routing.ClassMatch{Tier: routing.StringList{"vip", "enterprise"}},
			MaxWait: 30 * time.Second, QueueLimit: 2000, Warp: 3 * time.Second, Headroom: 1, Flow: "user",
		},
		{
			Name: "campaign", Weight: 25, Match: &routing.ClassMatch{CampaignValue: ">= 100000"},
			MaxWait: 30 * time.Second, QueueLimit: 2000, Flow: "tenant",
		},
		{
			Name: "realtime", Weight: 25, Match: &routing.ClassMatch{Mode: routing.StringList{"realtime"}},
			MaxWait: 10 * time.Second, QueueLimit: 2000, Flow: "tenant",
		},
		{Name: "standard", Weight: 8, MaxWait: 60 * time.Second, QueueLimit: 5000, Flow: "tenant"},
		{
			Name: "batch", Weight: 2, Match: &routing.ClassMatch{Mode: routing.StringList{"batch"}},
			MaxWait: time.Hour, QueueLimit: 50000, MaxSeats: scheduler.SeatCap{Percent: 80}, Flow: "tenant",
		},
	}
}

// Validate returns everything that is wrong, joined; each part is a *FieldError.
// It expects a configuration with its defaults set.
func (c *Config) Validate() error {
	f := &faults{seen: make(map[string]bool)}
	c.Server.validate(f)
	c.Admin.validate(f, c.Server.Listen)
	f.part("identity", &c.Identity)
	c.validateClasses(f)
	c.validateUpstreams(f)
	c.validateRoutes(f)
	c.Telemetry.validate(f)
	return errors.Join(f.errs...)
}

// faults collects what is wrong.
type faults struct {
	errs []error
	seen map[string]bool
}

func (f *faults) addf(path, format string, args ...any) {
	f.add(&FieldError{Path: path, Err: fmt.Errorf(format, args...)})
}

// add keeps the first fault of a setting: what a part says about it, the whole
// may have said already.
func (f *faults) add(e *FieldError) {
	if !f.seen[e.Path] {
		f.seen[e.Path] = true
		f.errs = append(f.errs, e)
	}
}

// check adds the fault unless ok.
func (f *faults) check(ok bool, path, format string, args ...any) {
	if !ok {
		f.addf(path, format, args...)
	}
}

// part adds what a part of the configuration, found at path, says about itself.
func (f *faults) part(path string, part interface{ Validate() error }) {
	f.nest(path, part.Validate())
}

// nest adds err with path put before the paths that it names.
func (f *faults) nest(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			f.nest(path, e)
		}
		return
	}
	sub, reason := fieldOf(err)
	switch {
	case sub == "":
	case sub[0] == '[':
		path += sub
	default:
		path += "." + sub
	}
	f.add(&FieldError{Path: path, Err: reason})
}

// fieldOf splits the error of a part into the path that it names and the reason.
func fieldOf(err error) (path string, reason error) {
	if e, ok := errors.AsType[*FieldError](err); ok {
		return e.Path, e.Err
	}
	if e, ok := errors.AsType[*identity.FieldError](err); ok {
		return e.Path, e.Err
	}
	if e, ok := errors.AsType[*routing.FieldError](err); ok {
		return e.Path, e.Err
	}
	if e, ok := errors.AsType[*upstream.FieldError](err); ok {
		return e.Path, e.Err
	}
	return "", err
}

func (c *ServerConfig) validate(f *faults) {
	checkAddress(f, "server.listen", c.Listen)
	if c.TLS != nil {
		f.check(c.TLS.CertFile != "", "server.tls.cert_file", "is missing; TLS needs cert_file and key_file")
		f.check(c.TLS.KeyFile != "", "server.tls.key_file", "is missing; TLS needs cert_file and key_file")
	}
	f.check(c.DrainTimeout >= 0, "server.drain_timeout", "is %s; expected 0s or longer", c.DrainTimeout)
	f.check(c.DrainDelay >= 0, "server.drain_delay", "is %s; expected 0s or longer", c.DrainDelay)
	c.Limits.validate(f)
}

func (l *Limits) validate(f *faults) {
	const path = "server.limits."
	f.check(l.HeaderBytes >= 1<<10 && l.HeaderBytes <= 16<<20, path+"header_bytes", "is %d bytes; expected 1KiB to 16MiB", l.HeaderBytes)
	f.check(l.BodyBytes >= -1, path+"body_bytes", "is %d; expected a size such as 32MiB, or -1 for no limit", l.BodyBytes)
	f.check(l.InspectBytes >= 0 && l.InspectBytes <= 1<<30, path+"inspect_bytes", "is %d bytes; expected 0 to 1GiB", l.InspectBytes)
	f.check(l.Connections > 0, path+"connections", "is %d; expected at least 1", l.Connections)
	f.check(l.ConnectionsPerIP >= 0, path+"connections_per_ip", "is %d; expected 0 (no limit) or more", l.ConnectionsPerIP)
	for _, t := range []struct {
		key string
		d   time.Duration
	}{
		{"header_timeout", l.HeaderTimeout},
		{"body_timeout", l.BodyTimeout},
		{"write_timeout", l.WriteTimeout},
		{"idle_timeout", l.IdleTimeout},
	} {
		f.check(t.d > 0, path+t.key, "is %s; expected a positive duration such as 30s", t.d)
	}
}

func (c *AdminConfig) validate(f *faults, server string) {
	if checkAddress(f, "admin.listen", c.Listen) {
		f.check(c.Listen != server, "admin.listen", "%q is the address of server.listen too; expected another port", c.Listen)
		f.check(len(c.Tokens) > 0 || loopback(c.Listen), "admin.listen",
			"%q can be reached from other machines and no token protects it; add admin.tokens, or listen on 127.0.0.1", c.Listen)
	}
	seen := make(map[string]int)
	for i, t := range c.Tokens {
		path := fmt.Sprintf("admin.tokens[%d]", i)
		checkName(f, path, "admin.tokens", t.Name, i, seen)
		f.check(isSHA256(t.SHA256), path+".sha256", "is not a SHA-256 digest; expected 64 hexadecimal digits, as printed by sha256sum")
		f.check(t.Role == "viewer" || t.Role == "admin", path+".role", "%q is unknown; expected viewer or admin", t.Role)
	}
}

func (c *Config) validateClasses(f *faults) {
	f.check(len(c.Classes) <= MaxClasses, "classes", "%d classes are given; expected at most %d", len(c.Classes), MaxClasses)
	seen, last := make(map[string]int), -1
	for i := range c.Classes {
		k, path := &c.Classes[i], fmt.Sprintf("classes[%d]", i)
		checkName(f, path, "classes", k.Name, i, seen)
		k.validate(f, path)
		switch {
		case !k.lastResort():
			c.validateClassRoutes(f, path, k.Match)
			f.part(path+".match", k.Match)
		case last >= 0:
			f.addf(path, "class %q has no match, and neither has %q; expected exactly one class without, which takes what no other takes", k.Name, c.Classes[last].Name)
		default:
			last = i
		}
	}
	f.check(last >= 0, "classes", "every class has a match; expected exactly one without, which takes what no other takes")
}

func (c *ClassConfig) validate(f *faults, path string) {
	f.check(c.Weight >= 1 && c.Weight <= MaxWeight, path+".weight", "is %d; expected 1 to %d", c.Weight, MaxWeight)
	f.check(c.MaxWait > 0, path+".max_wait", "is %s; expected a positive duration such as 30s", c.MaxWait)
	f.check(c.QueueLimit > 0, path+".queue_limit", "is %d; expected at least 1", c.QueueLimit)
	f.check(c.Warp >= 0 && c.Warp <= time.Hour, path+".warp", "is %s; expected 0s to 1h", c.Warp)
	f.check(c.Headroom >= 0, path+".headroom", "is %d; expected 0 or more seats", c.Headroom)
	f.check(c.MaxSeats.Seats >= 0 && c.MaxSeats.Percent >= 0 && c.MaxSeats.Percent <= 100, path+".max_seats", "is %s; expected a number of seats or 1%% to 100%%", c.MaxSeats)
	checkOneOf(f, path+".flow", c.Flow, "tenant", "user", "campaign", "business", "key")
}

// lastResort says that the class takes what no other takes.
func (c *ClassConfig) lastResort() bool {
	return c.Match == nil || reflect.ValueOf(*c.Match).IsZero()
}

func (c *Config) validateClassRoutes(f *faults, path string, m *routing.ClassMatch) {
	for i, name := range m.Route {
		known := slices.ContainsFunc(c.Routes, func(r routing.RouteConfig) bool { return r.Name == name })
		f.check(known, fmt.Sprintf("%s.match.route[%d]", path, i), "%q is not the name of a route", name)
	}
}

func (c *Config) validateUpstreams(f *faults) {
	f.check(len(c.Upstreams) > 0, "upstreams", "no upstream is given; expected at least one, such as {name: app, endpoints: [{url: \"http://127.0.0.1:9000\"}]}")
	seen, at := make(map[string]int), make(map[string]*upstream.Config)
	for i := range c.Upstreams {
		u, path := &c.Upstreams[i], fmt.Sprintf("upstreams[%d]", i)
		checkName(f, path, "upstreams", u.Name, i, seen)
		f.part(path, u)
		at[u.Name] = u
	}
	for i := range c.Upstreams {
		checkFallback(f, fmt.Sprintf("upstreams[%d].fallback", i), &c.Upstreams[i], at)
	}
}

// checkFallback reports fallbacks of u that do not exist, speak another protocol or
// lead back to u.
func checkFallback(f *faults, path string, u *upstream.Config, at map[string]*upstream.Config) {
	for i, name := range u.Fallback {
		path := fmt.Sprintf("%s[%d]", path, i)
		other := at[name]
		switch {
		case other == nil:
			f.addf(path, "%q is not the name of an upstream", name)
		case name == u.Name:
			f.addf(path, "upstream %q falls back on itself; expected another upstream", name)
		case slices.Index(u.Fallback, name) < i:
			f.addf(path, "%q is listed twice", name)
		case cmp.Or(other.Protocol, "http") != cmp.Or(u.Protocol, "http"):
			f.addf(path, "%q speaks %s and %q speaks %s; expected the same protocol", name, other.Protocol, u.Name, u.Protocol)
		case leadsTo(other, u.Name, at, make(map[string]bool)):
			f.addf(path, "%q falls back on %q again; expected no circle", name, u.Name)
		}
	}
}

func leadsTo(from *upstream.Config, name string, at map[string]*upstream.Config, seen map[string]bool) bool {
	if from == nil || seen[from.Name] {
		return false
	}
	seen[from.Name] = true
	return slices.ContainsFunc(from.Fallback, func(next string) bool {
		return next == name || leadsTo(at[next], name, at, seen)
	})
}

func (c *Config) validateRoutes(f *faults) {
	f.check(len(c.Routes) > 0, "routes", "no route is given; expected at least one, such as {name: all, upstream: app}")
	seen := make(map[string]int)
	for i := range c.Routes {
		r, path := &c.Routes[i], fmt.Sprintf("routes[%d]", i)
		checkName(f, path, "routes", r.Name, i, seen)
		f.part(path, r)
		if r.Upstream == "" {
			f.addf(path+".upstream", "is missing; expected the name of an upstream")
			continue
		}
		known := slices.ContainsFunc(c.Upstreams, func(u upstream.Config) bool { return u.Name == r.Upstream })
		f.check(known, path+".upstream", "%q is not the name of an upstream", r.Upstream)
	}
}

func (c *TelemetryConfig) validate(f *faults) {
	checkOneOf(f, "telemetry.log.level", c.Log.Level, "debug", "info", "warn", "error")
	checkOneOf(f, "telemetry.log.format", c.Log.Format, "json", "console")
	s := c.AccessLog.Sample
	f.check(s == nil || *s >= 0 && *s <= 1, "telemetry.access_log.sample", "is out of range; expected 0 (failures only) to 1 (all)")
}

func checkOneOf(f *faults, path, got string, known ...string) {
	f.check(slices.Contains(known, got), path, "%q is unknown; expected one of %s", got, strings.Join(known, ", "))
}

// checkName reports a name that is missing, taken or unfit for a label value.
func checkName(f *faults, path, list, name string, i int, seen map[string]int) {
	path += ".name"
	first, taken := seen[name]
	safe := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.", r)
	}
	switch {
	case name == "":
		f.addf(path, "is missing; every entry of %s needs a name", list)
		return
	case len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !safe(r) }):
		f.addf(path, "%q cannot be a name; expected up to %d letters, digits, '_', '-' and '.'", name, maxName)
	case taken:
		f.addf(path, "%q is the name of %s[%d] already; expected another", name, list, first)
		return
	}
	seen[name] = i
}

// checkAddress reports an address that cannot be listened on.
func checkAddress(f *faults, path, addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	f.check(err == nil, path, "%q is not an address; expected host:port such as 127.0.0.1:8080 or :8080", addr)
	return err == nil
}

// loopback says that only this machine can reach addr.
func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func isSHA256(s string) bool {
	digest, err := hex.DecodeString(s)
	return err == nil && len(digest) == 32
}
