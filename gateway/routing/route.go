package routing

import (
	"bytes"
	"errors"
	"fmt"
)

// Verdict is what [Routes.Match] found.
type Verdict uint8

// The outcomes of a match.
const (
	// NoRoute means that no route matches (404).
	NoRoute Verdict = iota
	// Matched means that a route matches.
	Matched
	// MethodMismatch means that a route would match another method (405).
	MethodMismatch
	// AmbiguousPath means that the path has dot segments and leads to different
	// routes, or out of the root, depending on who reads it (400).
	AmbiguousPath
)

// String returns the verdict in words.
func (v Verdict) String() string {
	return [...]string{"no route", "matched", "method mismatch", "ambiguous path"}[v]
}

// Routes finds the route of a request. It is immutable and safe for concurrent
// use.
type Routes struct {
	route []compiledRoute
	any   *tree            // routes for every host
	exact map[string]*tree // by host in lower case
	below map[string]*tree // by the part behind "*."
}

type compiledRoute struct {
	name    string
	hosts   []string // as compileHost returns them, wildcards with "*." in front
	paths   []pattern
	methods []string
}

func (r *compiledRoute) allows(method []byte) bool {
	if len(r.methods) == 0 {
		return true
	}
	for _, m := range r.methods {
		if m == string(method) {
			return true
		}
	}
	return false
}

// CompileRoutes compiles routes in their order. Errors are [*FieldError] with
// paths such as routes[1].match.path[0], joined.
func CompileRoutes(cfg []RouteConfig) (*Routes, error) {
	r := &Routes{any: &tree{}, exact: map[string]*tree{}, below: map[string]*tree{}}
	var errs []error
	for i := range cfg {
		c, faults := compileRoute(&cfg[i], fmt.Sprintf("routes[%d].", i))
		errs = append(errs, faults...)
		r.route = append(r.route, c)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for i := range r.route {
		r.insert(int32(i))
	}
	return r, nil
}

// Validate returns what is wrong with the match of one route; each part is a
// [*FieldError] with a path relative to the route.
func (c *RouteConfig) Validate() error {
	_, errs := compileRoute(c, "")
	return errors.Join(errs...)
}

func compileRoute(cfg *RouteConfig, at string) (c compiledRoute, errs []error) {
	c.name = cfg.Name
	for j, s := range cfg.Match.Host {
		host, wildcard, err := compileHost(s)
		if err != nil {
			errs = append(errs, &FieldError{fmt.Sprintf("%smatch.host[%d]", at, j), err})
			continue
		}
		if wildcard {
			host = "*." + host
		}
		c.hosts = append(c.hosts, host)
	}
	for j, s := range cfg.Match.Path {
		p, err := compilePattern(s)
		if err != nil {
			errs = append(errs, &FieldError{fmt.Sprintf("%smatch.path[%d]", at, j), err})
			continue
		}
		c.paths = append(c.paths, p)
	}
	for j, m := range cfg.Match.Method {
		if !isMethod(m) {
			errs = append(errs, fault(fmt.Sprintf("%smatch.method[%d]", at, j), "%q is not a method such as GET or POST", m))
			continue
		}
		c.methods = append(c.methods, m)
	}
	return c, errs
}

// isMethod accepts upper-case methods: they are case-sensitive (RFC 9110 section
// 9.1) and every registered one is in capitals.
func isMethod(m string) bool {
	for _, c := range []byte(m) {
		if !('A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return m != ""
}

func (r *Routes) insert(i int32) {
	c := &r.route[i]
	if len(c.hosts) == 0 {
		r.any.insert(i, c.paths)
	}
	for _, host := range c.hosts {
		trees := r.exact
		if len(host) > 2 && host[:2] == "*." {
			trees, host = r.below, host[2:]
		}
		if trees[host] == nil {
			trees[host] = &tree{}
		}
		trees[host].insert(i, c.paths)
	}
}

// Len returns the number of routes.
func (r *Routes) Len() int { return len(r.route) }

// Match returns the index of the first route, in the order of the configuration,
// that takes a request. host may have a port; path is the request target without
// its query. The index counts only with [Matched].
func (r *Routes) Match(method, host, path []byte) (index int, v Verdict) {
	var name [maxHostBytes]byte
	lower := hostName(name[:0], host)
	index, v = r.match(method, lower, path)
	if v == NoRoute || !hasDotSegment(path) {
		return index, v
	}
	if !r.sameEitherWay(index, v, method, lower, path) {
		return 0, AmbiguousPath
	}
	return index, v
}

// sameEitherWay reports whether each reading of a path with dot segments has the
// same outcome.
func (r *Routes) sameEitherWay(index int, v Verdict, method, host, path []byte) bool {
	var buf [512]byte
	for _, how := range [...]reading{strictReading, looseReading} {
		resolved, ok := resolve(buf[:0], path, how)
		if !ok {
			return false
		}
		if i, u := r.match(method, host, resolved); i != index || u != v {
			return false
		}
	}
	return true
}

func (r *Routes) match(method, host, path []byte) (int, Verdict) {
	s := search{routes: r, method: method, best: int32(len(r.route))}
	s.walk(r.any, path)
	if len(host) > 0 {
		if len(r.exact) > 0 {
			s.walk(r.exact[string(host)], path)
		}
		if len(r.below) > 0 {
			s.walkBelow(host, path)
		}
	}
	switch {
	case int(s.best) < len(r.route):
		return int(s.best), Matched
	case s.otherMethod:
		return 0, MethodMismatch
	}
	return 0, NoRoute
}

// maxHostBytes is the longest name in DNS, with room to spare.
const maxHostBytes = 260

// hostName appends the host without its port and final dot, in lower case. A
// name that cannot exist yields nothing.
func hostName(dst, host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		if end := bytes.IndexByte(host, ']'); end >= 0 {
			host = host[:end+1]
		}
	} else if i := bytes.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if len(host) > maxHostBytes {
		return nil
	}
	for _, c := range host {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}
