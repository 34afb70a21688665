package routing

import (
	"fmt"
	"strings"

	"github.com/weir-gateway/weir/gateway/identity"
)

// Reason says why a route or a class did or did not match a request.
type Reason struct {
	Name    string `json:"name"`
	Matches bool   `json:"matches"` // on its own
	Chosen  bool   `json:"chosen"`  // the first that matches
	Why     string `json:"why"`
}

// Explain says for every route whether it matches and why. It looks at routes one
// by one and is meant for people, not for the request path.
func (r *Routes) Explain(method, host, path []byte) []Reason {
	index, verdict := r.Match(method, host, path)
	name := hostName(nil, host)
	reasons := make([]Reason, len(r.route))
	for i := range r.route {
		matches, why := r.route[i].explain(method, name, path)
		chosen := verdict == Matched && i == index
		switch {
		case chosen:
			why = "first match: " + why
		case matches && verdict == AmbiguousPath:
			why += "; but the path has dot segments that could lead elsewhere, so the request is refused"
		case matches:
			why += "; but an earlier route is taken"
		}
		reasons[i] = Reason{r.route[i].name, matches, chosen, why}
	}
	return reasons
}

func (r *compiledRoute) explain(method, host, path []byte) (bool, string) {
	var said []string
	switch pattern, ok := r.matchingHost(string(host)); {
	case !ok:
		return false, fmt.Sprintf("host %q is not %s", host, strings.Join(r.hosts, " or "))
	case pattern != "":
		said = append(said, fmt.Sprintf("host %q is %s", host, pattern))
	}
	switch pattern, ok := r.matchingPath(path); {
	case !ok:
		var texts []string
		for i := range r.paths {
			texts = append(texts, r.paths[i].text)
		}
		return false, fmt.Sprintf("path %q does not match %s", path, strings.Join(texts, " or "))
	case pattern != "":
		said = append(said, fmt.Sprintf("path %q matches %s", path, pattern))
	}
	if !r.allows(method) {
		return false, fmt.Sprintf("method %s is not %s", method, strings.Join(r.methods, " or "))
	}
	if len(r.methods) > 0 {
		said = append(said, fmt.Sprintf("method is %s", method))
	}
	if len(said) == 0 {
		return true, "it takes every request"
	}
	return true, strings.Join(said, ", ")
}

// matchingHost returns the pattern that matches, or "" where any host does.
func (r *compiledRoute) matchingHost(host string) (string, bool) {
	for _, h := range r.hosts {
		if h == host || (strings.HasPrefix(h, "*.") && strings.HasSuffix(host, h[1:])) {
			return h, true
		}
	}
	return "", len(r.hosts) == 0
}

// matchingPath returns the pattern that matches, or "" where any path does.
func (r *compiledRoute) matchingPath(path []byte) (string, bool) {
	for i := range r.paths {
		if r.paths[i].match(path) {
			return r.paths[i].text, true
		}
	}
	return "", len(r.paths) == 0
}

// Explain says for every class whether it matches and why; see
// [Classifier.Classify] for the arguments.
func (c *Classifier) Explain(a *identity.Attributes, value int64, hasValue bool, route string) []Reason {
	index := c.Classify(a, value, hasValue, route)
	reasons := make([]Reason, len(c.classes))
	for i := range c.classes {
		class := &c.classes[i]
		if i == c.rest {
			why := "it takes what no other class does"
			if i == index {
				why = "no other class matches"
			}
			reasons[i] = Reason{class.name, true, i == index, why}
			continue
		}
		matches, why := class.explain(a, value, hasValue, route)
		switch {
		case i == index:
			why = "first match: " + why
		case matches:
			why += "; but an earlier class is taken"
		}
		reasons[i] = Reason{class.name, matches, i == index, why}
	}
	return reasons
}

func (c *compiledClass) explain(a *identity.Attributes, value int64, hasValue bool, route string) (bool, string) {
	var said []string
	for i := range c.tests {
		t := &c.tests[i]
		v := t.of.value(a, route)
		if !t.holds(v) {
			if v == "" {
				return false, fmt.Sprintf("%s is not known; it would have to be %s", subjectNames[t.of], strings.Join(t.values, " or "))
			}
			return false, fmt.Sprintf("%s %q is not %s", subjectNames[t.of], v, strings.Join(t.values, " or "))
		}
		said = append(said, fmt.Sprintf("%s is %s", subjectNames[t.of], v))
	}
	switch {
	case c.value.op == opNone:
	case !hasValue:
		return false, fmt.Sprintf("the value of the campaign is not known; it would have to be %s", c.value.text)
	case !c.value.holds(value):
		return false, fmt.Sprintf("campaign value %s is not %s", formatMicros(value), c.value.text)
	default:
		said = append(said, fmt.Sprintf("campaign value %s is %s", formatMicros(value), c.value.text))
	}
	return true, strings.Join(said, ", ")
}

func formatMicros(v int64) string {
	s := fmt.Sprintf("%d.%06d", v/identity.Micro, v%identity.Micro)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
