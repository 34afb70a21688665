package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
)

// explanation says what a request would get, and why. The parts after a refusal
// are absent.
type explanation struct {
	Request    string             `json:"request"`
	Refused    *refusal           `json:"refused,omitempty"`
	Principal  *principalFound    `json:"principal,omitempty"`
	Attributes []attributeFound   `json:"attributes,omitempty"`
	Ignored    []string           `json:"ignored,omitempty"` // X-Weir-* fields that are not believed
	Route      string             `json:"route,omitempty"`
	Routes     []routing.Reason   `json:"routes,omitempty"`
	Upstream   *upstreamFound     `json:"upstream,omitempty"`
	Class      *classFound        `json:"class,omitempty"`
	Classes    []routing.Reason   `json:"classes,omitempty"`
	Flow       string             `json:"flow,omitempty"`
	FlowBy     string             `json:"flow_by,omitempty"`
	Body       *routing.BodyFacts `json:"-"`
}

// refusal is the answer that Weir would make itself.
type refusal struct {
	Status int    `json:"status"`
	Why    string `json:"why"`
}

type principalFound struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // api_key, jwt or anonymous
}

type attributeFound struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

type upstreamFound struct {
	Name      string   `json:"name"`
	Protocol  string   `json:"protocol"`
	Endpoints []string `json:"endpoints"`
	Seats     string   `json:"seats"`
	Fallback  []string `json:"fallback,omitempty"`
}

type classFound struct {
	Name    string `json:"name"`
	Weight  int    `json:"weight"`
	MaxWait string `json:"max_wait"`
}

// asked is the request to be explained, as its flags describe it.
type asked struct {
	line    string   // METHOD target
	headers []string // Name: value
	body    []byte
}

// readBody reads what -d gives: text, @FILE or @- for standard input.
func (sh *shell) readBody(arg string) ([]byte, error) {
	name, isFile := strings.CutPrefix(arg, "@")
	switch {
	case !isFile:
		return []byte(arg), nil
	case name == "-":
		return io.ReadAll(sh.stdin)
	}
	return os.ReadFile(name)
}

// parse turns the request into the one that the gateway would read.
func (a asked) parse(limits gateway.Limits) (*http1.Request, error) {
	method, target, ok := strings.Cut(strings.TrimSpace(a.line), " ")
	if !ok {
		method, target = "GET", a.line
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\n", method, strings.TrimSpace(target))
	given := func(name string) bool {
		for _, h := range a.headers {
			if k, _, _ := strings.Cut(h, ":"); strings.EqualFold(k, name) {
				return true
			}
		}
		return false
	}
	for _, h := range a.headers {
		fmt.Fprintf(&head, "%s\r\n", h)
	}
	if !given("Host") {
		head.WriteString("Host: " + hostOf(target) + "\r\n")
	}
	if len(a.body) > 0 && !given("Content-Length") && !given("Transfer-Encoding") {
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(a.body))
	}
	if len(a.body) > 0 && !given("Content-Type") && a.body[0] == '{' {
		head.WriteString("Content-Type: application/json\r\n")
	}
	head.WriteString("\r\n")
	r := &http1.Request{}
	n, err := r.Parse(head.Bytes(), http1.Limits{
		HeaderBytes: int(limits.HeaderBytes), Fields: 1024, TargetBytes: int(limits.HeaderBytes) / 2,
	})
	if err == nil && n != head.Len() {
		err = errors.New("a header line is empty or the request is incomplete")
	}
	return r, err
}

// hostOf returns the host of an absolute target.
func hostOf(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	return "localhost"
}

// explainer holds a compiled configuration.
type explainer struct {
	cfg        *gateway.Config
	identifier *identity.Identifier
	campaigns  *identity.CampaignTable
	routes     *routing.Routes
	classes    *routing.Classifier
}

// newExplainer compiles what decides about a request. Release it with close.
func (sh *shell) newExplainer(cfg *gateway.Config) (*explainer, error) {
	e := &explainer{cfg: cfg, campaigns: identity.NewCampaignTable(os.ReadFile)}
	var err error
	if e.routes, err = routing.CompileRoutes(cfg.Routes); err != nil {
		return nil, err
	}
	rules := make([]routing.ClassRule, len(cfg.Classes))
	for i, c := range cfg.Classes {
		rules[i] = routing.ClassRule{Name: c.Name, Match: c.Match, Flow: c.Flow}
	}
	if e.classes, err = routing.CompileClasses(rules); err != nil {
		return nil, err
	}
	if cfg.Campaigns.File != "" {
		if err := e.campaigns.Load(cfg.Campaigns.File); err != nil {
			return nil, err
		}
	}
	e.identifier, err = identity.New(cfg.Identity, identity.Deps{LookupEnv: sh.lookupEnv})
	return e, err
}

func (e *explainer) close() { e.identifier.Close() }

// explain takes the request through the stages of the gateway up to the queue.
// The error is that of a request that makes no sense to ask about.
func (e *explainer) explain(a asked) (*explanation, error) {
	x := &explanation{Request: a.line}
	r, err := a.parse(e.cfg.Server.Limits)
	var bad *http1.ParseError
	switch {
	case errors.As(err, &bad):
		x.Refused = &refusal{400, "the request is malformed: " + bad.Error()}
		return x, nil
	case err != nil:
		return nil, err
	}
	if limit := int64(e.cfg.Server.Limits.BodyBytes); limit >= 0 && int64(len(a.body)) > limit {
		x.Refused = &refusal{413, fmt.Sprintf("the body has %d bytes, server.limits.body_bytes is %d", len(a.body), limit)}
		return x, nil
	}
	attrs, principal := e.identify(x, r)
	if principal == nil {
		return x, nil
	}
	if up := e.route(x, r); up != nil && e.inspect(x, r, up, a.body) {
		e.classify(x, r, attrs, principal, up)
	}
	return x, nil
}

// identify says who is calling and what of the request's claims is believed.
func (e *explainer) identify(x *explanation, r *http1.Request) (*identity.Attributes, *identity.Principal) {
	p, _, err := e.identifier.Identify(&r.Header, r.Query())
	if err != nil {
		x.Refused = &refusal{401, err.Error()}
		switch {
		case errors.Is(err, identity.ErrAmbiguousCredential):
			x.Refused.Status = 400
		case errors.Is(err, identity.ErrUnavailable):
			x.Refused.Status = 503
		}
		return nil, nil
	}
	x.Principal = &principalFound{Name: p.Name, Kind: p.Kind.String()}
	attrs, _, err := e.identifier.Apply(p, &r.Header)
	if err != nil {
		x.Refused = &refusal{400, err.Error()}
		return nil, nil
	}
	for _, c := range claims() {
		if r.Has(c.field) && !p.MayAssert.Has(c.assertable) {
			x.Ignored = append(x.Ignored, fmt.Sprintf("%s: %s may not assert %s", c.header, p.Name, c.name))
		}
		v, from := *c.of(&attrs), "principal "+p.Name
		if r.Has(c.field) && p.MayAssert.Has(c.assertable) && len(r.Get(c.field)) > 0 {
			from = "header " + c.header
		}
		x.add(c.name, v, from)
	}
	return &attrs, p
}

func (x *explanation) add(name, value, from string) {
	if value != "" {
		x.Attributes = append(x.Attributes, attributeFound{Name: name, Value: value, From: from})
	}
}

// claim is an attribute and the header field that asserts it.
type claim struct {
	name, header string
	field        http1.FieldID
	assertable   identity.Assertable
	of           func(*identity.Attributes) *string
}

func claims() []claim {
	return []claim{
		{"tenant", "X-Weir-Tenant", http1.XWeirTenant, identity.AssertTenant, func(a *identity.Attributes) *string { return &a.Tenant }},
		{"user", "X-Weir-User", http1.XWeirUser, identity.AssertUser, func(a *identity.Attributes) *string { return &a.User }},
		{"tier", "X-Weir-Tier", http1.XWeirTier, identity.AssertTier, func(a *identity.Attributes) *string { return &a.Tier }},
		{"campaign", "X-Weir-Campaign", http1.XWeirCampaign, identity.AssertCampaign, func(a *identity.Attributes) *string { return &a.Campaign }},
		{"business", "X-Weir-Business", http1.XWeirBusiness, identity.AssertBusiness, func(a *identity.Attributes) *string { return &a.Business }},
		{"mode", "X-Weir-Mode", http1.XWeirMode, identity.AssertMode, func(a *identity.Attributes) *string { return &a.Mode }},
	}
}

// route picks the route, or explains the refusal.
func (e *explainer) route(x *explanation, r *http1.Request) *upstream.Config {
	i, verdict := e.routes.Match(r.Method(), r.Host(), r.Path())
	x.Routes = e.routes.Explain(r.Method(), r.Host(), r.Path())
	switch verdict {
	case routing.Matched:
	case routing.MethodMismatch:
		x.Refused = &refusal{405, "no route takes this method on this path"}
		return nil
	case routing.AmbiguousPath:
		x.Refused = &refusal{400, "the path has dot segments that could lead to different routes"}
		return nil
	default:
		x.Refused = &refusal{404, "no route for this host and path"}
		return nil
	}
	rc := e.cfg.Routes[i]
	x.Route = rc.Name
	for k := range e.cfg.Upstreams {
		u := &e.cfg.Upstreams[k]
		if u.Name == rc.Upstream {
			x.Upstream = describeUpstream(u)
			return u
		}
	}
	return nil // Validate has made sure that there is one
}

func describeUpstream(u *upstream.Config) *upstreamFound {
	f := &upstreamFound{Name: u.Name, Protocol: u.Protocol, Seats: seatsText(u.Capacity), Fallback: u.Fallback}
	for _, ep := range u.Endpoints {
		f.Endpoints = append(f.Endpoints, ep.URL)
	}
	return f
}

func seatsText(c upstream.Capacity) string {
	if c.Seats.Adaptive {
		return fmt.Sprintf("adaptive, %d to %d", c.MinSeats, c.MaxSeats)
	}
	return fmt.Sprint(c.Seats.N)
}

// inspect reads the JSON body of a request to an LLM.
func (e *explainer) inspect(x *explanation, r *http1.Request, up *upstream.Config, body []byte) bool {
	x.Body = &routing.BodyFacts{}
	encoding := r.Get(http1.ContentEncoding)
	if up.Protocol == "http" || len(body) == 0 || !isJSON(r.Get(http1.ContentType)) ||
		encoding != nil && !http1.EqualFold(encoding, "identity") {
		return true
	}
	held := body[:min(len(body), int(e.cfg.Server.Limits.InspectBytes))]
	facts, err := routing.ScanBody(held, len(held) == len(body))
	if err != nil {
		x.Refused = &refusal{400, err.Error()}
		return false
	}
	x.Body = &facts
	return true
}

func isJSON(contentType []byte) bool {
	media, _, _ := strings.Cut(strings.ToLower(string(contentType)), ";")
	media = strings.TrimSpace(media)
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// classify picks class and flow.
func (e *explainer) classify(x *explanation, r *http1.Request, attrs *identity.Attributes, p *identity.Principal, up *upstream.Config) {
	if attrs.Mode == "" {
		mode, why := e.mode(x, r, up)
		attrs.Mode = mode
		x.add("mode", mode, why)
	}
	var value int64
	var known bool
	if attrs.Campaign != "" {
		var c identity.Campaign
		c, known = e.campaigns.Lookup(attrs.Campaign)
		value = c.Value
		if attrs.Business == "" {
			attrs.Business = c.Business
			x.add("business", c.Business, "campaign "+attrs.Campaign)
		}
	}
	i := e.classes.Classify(attrs, value, known, x.Route)
	c := e.cfg.Classes[i]
	x.Class = &classFound{Name: c.Name, Weight: c.Weight, MaxWait: c.MaxWait.String()}
	x.Classes = e.classes.Explain(attrs, value, known, x.Route)
	x.Flow = string(e.classes.FlowKey(nil, i, attrs, p.Name))
	x.FlowBy = c.Flow
	if wait := r.Get(http1.XWeirTimeout); wait != nil {
		if d, err := time.ParseDuration(string(wait)); err == nil && d < c.MaxWait {
			x.Class.MaxWait = d.String() + " (X-Weir-Timeout)"
		}
	}
}

// mode derives the mode from the request, as the gateway does when nobody
// asserts it.
func (e *explainer) mode(x *explanation, r *http1.Request, up *upstream.Config) (mode, why string) {
	switch {
	case x.Body.Stream:
		return "realtime", `body: "stream": true`
	case up.Protocol != "http" && bytes.HasSuffix(r.Path(), []byte(":streamGenerateContent")):
		return "realtime", "path: streamGenerateContent"
	case r.UpgradeRequested() != nil:
		return "realtime", "header Upgrade"
	case bytes.Contains(r.Get(http1.Accept), []byte("text/event-stream")):
		return "realtime", "header Accept: text/event-stream"
	}
	return "interactive", "nothing asks for a stream"
}

// write says it in words.
func (x *explanation) write(w io.Writer) error {
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "%s\n\n", x.Request)
	if x.Principal != nil {
		fmt.Fprintf(b, "principal   %s (%s)\n", x.Principal.Name, x.Principal.Kind)
	}
	for i, a := range x.Attributes {
		fmt.Fprintf(b, "%-11s %s = %s, from %s\n", onFirst(i, "attributes"), a.Name, a.Value, a.From)
	}
	for i, text := range x.Ignored {
		fmt.Fprintf(b, "%-11s %s\n", onFirst(i, "ignored"), text)
	}
	if x.Class != nil {
		fmt.Fprintf(b, "class       %s: weight %d, waits at most %s\n", x.Class.Name, x.Class.Weight, x.Class.MaxWait)
		fmt.Fprintf(b, "flow        %s (by %s)\n", x.Flow, x.FlowBy)
	}
	if x.Upstream != nil {
		fmt.Fprintf(b, "route       %s\n", x.Route)
		fmt.Fprintf(b, "upstream    %s (%s) at %s; seats: %s\n", x.Upstream.Name, x.Upstream.Protocol, strings.Join(x.Upstream.Endpoints, ", "), x.Upstream.Seats)
		if len(x.Upstream.Fallback) > 0 {
			fmt.Fprintf(b, "fallback    %s\n", strings.Join(x.Upstream.Fallback, ", then "))
		}
	}
	if x.Refused != nil {
		fmt.Fprintf(b, "refused     %d: %s\n", x.Refused.Status, x.Refused.Why)
	}
	writeReasons(b, "routes", x.Routes)
	writeReasons(b, "classes", x.Classes)
	_, err := w.Write(b.Bytes())
	return err
}

func onFirst(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}

// writeReasons lists why each candidate was or was not taken.
func writeReasons(w io.Writer, what string, reasons []routing.Reason) {
	if len(reasons) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", what)
	width := 0
	for _, r := range reasons {
		width = max(width, len(r.Name))
	}
	for _, r := range reasons {
		mark := " "
		if r.Chosen {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %-*s  %s\n", mark, width, r.Name, r.Why)
	}
}
