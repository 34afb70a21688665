package routing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weir-gateway/weir/gateway/identity"
)

// ClassRule says whom a class is for and what is served fairly inside it.
type ClassRule struct {
	Name  string
	Match *ClassMatch // nil for the last resort
	Flow  string      // tenant (also if empty), user, campaign, business or key
}

// Classifier finds the class of a request. It is immutable and safe for
// concurrent use.
type Classifier struct {
	classes []compiledClass
	rest    int // the class without a match
}

type compiledClass struct {
	name  string
	tests []test
	value comparison
	flow  flowKind
}

// test is one part of a match: an attribute has one of some values.
type test struct {
	of     subject
	few    []string            // when there are not many
	many   map[string]struct{} // otherwise
	values []string            // as configured
}

// fewValues is how many values are compared one by one: up to here that is
// faster than hashing.
const fewValues = 8

// subject is what a test looks at.
type subject uint8

const (
	ofTier subject = iota
	ofTenant
	ofUser
	ofCampaign
	ofBusiness
	ofMode
	ofRoute
	numSubjects
)

var subjectNames = [numSubjects]string{"tier", "tenant", "user", "campaign", "business", "mode", "route"}

func (s subject) value(a *identity.Attributes, route string) string {
	switch s {
	case ofTier:
		return a.Tier
	case ofTenant:
		return a.Tenant
	case ofUser:
		return a.User
	case ofCampaign:
		return a.Campaign
	case ofBusiness:
		return a.Business
	case ofMode:
		return a.Mode
	}
	return route
}

func (m *ClassMatch) list(s subject) StringList {
	return [numSubjects]StringList{m.Tier, m.Tenant, m.User, m.Campaign, m.Business, m.Mode, m.Route}[s]
}

func (t *test) holds(value string) bool {
	if t.many != nil {
		_, ok := t.many[value]
		return ok
	}
	for _, v := range t.few {
		if v == value {
			return true
		}
	}
	return false
}

// CompileClasses compiles classes in the order of their rank. Exactly one has to
// be without a match. Errors are [*FieldError] with paths such as
// classes[1].match.mode[0], joined.
func CompileClasses(rules []ClassRule) (*Classifier, error) {
	c := &Classifier{rest: -1}
	var errs []error
	names := map[string]int{}
	for i, rule := range rules {
		at := fmt.Sprintf("classes[%d]", i)
		if rule.Name == "" {
			errs = append(errs, fault(at+".name", "is missing"))
		} else if j, twice := names[rule.Name]; twice {
			errs = append(errs, fault(at+".name", "%q is the name of classes[%d] too", rule.Name, j))
		}
		names[rule.Name] = i
		class := compiledClass{name: rule.Name}
		var ok bool
		if class.flow, ok = flowNamed(rule.Flow); !ok {
			errs = append(errs, fault(at+".flow", "%q is not tenant, user, campaign, business or key", rule.Flow))
		}
		switch {
		case rule.Match != nil:
			errs = append(errs, class.compile(rule.Match, at+".match")...)
		case c.rest >= 0:
			errs = append(errs, fault(at+".match", "is missing; only one class can be without, and classes[%d] (%s) is", c.rest, rules[c.rest].Name))
		default:
			c.rest = i
		}
		c.classes = append(c.classes, class)
	}
	if c.rest < 0 {
		errs = append(errs, fault("classes", "one class must have no match: it takes what no other does"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// Validate returns what is wrong with a match; each part is a [*FieldError] with
// a path relative to it.
func (m *ClassMatch) Validate() error {
	var c compiledClass
	errs := c.compile(m, "")
	for _, err := range errs {
		f := &FieldError{}
		if errors.As(err, &f) {
			f.Path = strings.TrimPrefix(f.Path, ".")
		}
	}
	return errors.Join(errs...)
}

func (c *compiledClass) compile(m *ClassMatch, at string) (errs []error) {
	for s := range numSubjects {
		values := m.list(s)
		for j, v := range values {
			if err := validTestValue(s, v); err != nil {
				errs = append(errs, &FieldError{fmt.Sprintf("%s.%s[%d]", at, subjectNames[s], j), err})
			}
		}
		if len(values) > 0 {
			c.tests = append(c.tests, newTest(s, values))
		}
	}
	if m.CampaignValue != "" {
		var err error
		if c.value, err = parseComparison(m.CampaignValue); err != nil {
			errs = append(errs, &FieldError{at + ".campaign_value", err})
		}
	}
	if len(errs) == 0 && len(c.tests) == 0 && c.value.op == opNone {
		errs = append(errs, fault(at, "is empty; leave it out for the class that takes what no other does"))
	}
	return errs
}

func validTestValue(s subject, v string) error {
	switch {
	case v == "":
		return errors.New("is empty")
	case s == ofMode && v != identity.ModeRealtime && v != identity.ModeInteractive && v != identity.ModeBatch:
		return fmt.Errorf("%q is not a mode; use realtime, interactive or batch", v)
	}
	return nil
}

func newTest(s subject, values []string) test {
	t := test{of: s, values: values}
	if len(values) <= fewValues {
		t.few = values
		return t
	}
	t.many = make(map[string]struct{}, len(values))
	for _, v := range values {
		t.many[v] = struct{}{}
	}
	return t
}

// Classify returns the index of the first class whose match holds, or of the one
// without a match. value is what the request's campaign is worth in micro-units;
// without hasValue no comparison with it holds. a must not be nil.
func (c *Classifier) Classify(a *identity.Attributes, value int64, hasValue bool, route string) int {
	for i := range c.classes {
		if i != c.rest && c.classes[i].holds(a, value, hasValue, route) {
			return i
		}
	}
	return c.rest
}

func (c *compiledClass) holds(a *identity.Attributes, value int64, hasValue bool, route string) bool {
	for i := range c.tests {
		if t := &c.tests[i]; !t.holds(t.of.value(a, route)) {
			return false
		}
	}
	return c.value.op == opNone || (hasValue && c.value.holds(value))
}

// Len returns the number of classes.
func (c *Classifier) Len() int { return len(c.classes) }

// LastResort returns the index of the class without a match.
func (c *Classifier) LastResort() int { return c.rest }

// comparison is a campaign_value.
type comparison struct {
	op    operator
	value int64 // micro-units
	text  string
}

type operator uint8

const (
	opNone operator = iota
	opAtLeast
	opAtMost
	opMore
	opLess
	opEqual
)

func parseComparison(s string) (c comparison, err error) {
	c.text, c.op = s, opEqual
	number := s
	for _, o := range [...]struct {
		sign string
		op   operator
	}{{">=", opAtLeast}, {"<=", opAtMost}, {"==", opEqual}, {">", opMore}, {"<", opLess}} {
		if rest, ok := strings.CutPrefix(s, o.sign); ok {
			number, c.op = rest, o.op
			break
		}
	}
	if c.value, err = identity.ParseMicros(strings.TrimLeft(number, " ")); err != nil {
		return comparison{}, fmt.Errorf("%q: the number behind >=, <=, >, < or == %w", s, err)
	}
	return c, nil
}

func (c *comparison) holds(v int64) bool {
	switch c.op {
	case opAtLeast:
		return v >= c.value
	case opAtMost:
		return v <= c.value
	case opMore:
		return v > c.value
	case opLess:
		return v < c.value
	}
	return v == c.value
}
