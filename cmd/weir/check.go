package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/weir-gateway/weir/config"
	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/routing"
)

const checkLong = `Validates a configuration and prints its classes, routes and upstreams as they
were understood. Secrets, certificates and the campaign table are read too, unless
--syntax-only says that this is not the machine that has them.

With --explain it says which principal, attributes, class, flow, route and upstream
a request would get, and why; nothing is sent. A body that starts with { is taken
for JSON unless a Content-Type says otherwise.

Exit code 2 and file:line:column on standard error mean an invalid configuration.`

// checkFlags are the flags of weir check.
type checkFlags struct {
	path       string
	json       bool
	schema     bool
	syntaxOnly bool
	explain    string
	headers    []string
	data       string
}

func newCheck(sh *shell) *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Validate a configuration, and explain what a request would get",
		Long:  checkLong,
		Example: `  weir check -c weir.yaml
  weir check --explain 'POST /v1/chat/completions' -H 'Authorization: Bearer KEY' -d @body.json
  weir check --explain 'GET http://api.example.com/profiles/1' --json
  weir check --schema > weir.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(sh) },
	}
	fs := cmd.Flags()
	configFlag(fs, &f.path)
	jsonFlag(fs, &f.json)
	fs.BoolVar(&f.schema, "schema", false, "print the JSON Schema of the configuration and end")
	fs.BoolVar(&f.syntaxOnly, "syntax-only", false, "do not look for secrets, certificates and the campaign table")
	fs.StringVar(&f.explain, "explain", "", "explain the request `'METHOD /path'`, or METHOD and a whole URL")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "`'Name: value'` of the request to explain; may be repeated")
	fs.StringVarP(&f.data, "data", "d", "", "body of the request to explain: `TEXT`, @FILE, or @- for standard input")
	return cmd
}

func (f *checkFlags) run(sh *shell) error {
	if f.schema {
		_, err := sh.stdout.Write(config.Schema())
		return err
	}
	if f.explain == "" && (len(f.headers) > 0 || f.data != "") {
		return usagef("--header and --data describe a request: say which with --explain 'METHOD /path'")
	}
	if f.explain != "" && f.syntaxOnly {
		return usagef("--explain needs the keys and tables that --syntax-only leaves out")
	}
	cfg, err := sh.loadConfig(f.path)
	if err == nil && !f.syntaxOnly {
		err = f.compile(sh, cfg)
	}
	if err != nil {
		return f.reportInvalid(sh.stdout, err)
	}
	if f.explain != "" {
		return f.explainRequest(sh, cfg)
	}
	if f.json {
		return writeJSON(sh.stdout, understood(f.path, &cfg.Config))
	}
	return writeChecked(sh.stdout, f.path, &cfg.Config)
}

// loadConfig reads a configuration with the program's own environment. Whatever
// is wrong with the file is an invalidConfig.
func (sh *shell) loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path, config.Env{LookupEnv: sh.lookupEnv})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: there is no such file; 'weir init' writes one", path)
	}
	if err != nil {
		return nil, &invalidConfig{err: err}
	}
	return cfg, nil
}

// compile builds the gateway without serving, which reads everything that the
// configuration points to.
func (f *checkFlags) compile(sh *shell, cfg *config.Config) error {
	gw, err := gateway.New(cfg.Config, gateway.Deps{LookupEnv: sh.lookupEnv, AccessLog: io.Discard})
	if err != nil {
		return &invalidConfig{err: fmt.Errorf("%s: %w", f.path, err)}
	}
	gw.Close()
	return nil
}

// configError is an error of the configuration in JSON.
type configError struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// reportInvalid also prints the errors as JSON when JSON was asked for.
func (f *checkFlags) reportInvalid(w io.Writer, err error) error {
	if !f.json {
		return err
	}
	var all config.Errors
	found := []configError{}
	if errors.As(err, &all) {
		for _, e := range all {
			found = append(found, configError{File: e.File, Line: e.Line, Column: e.Column, Message: e.Msg})
		}
	} else {
		found = append(found, configError{Message: err.Error()})
	}
	return errors.Join(err, writeJSON(w, map[string]any{"valid": false, "errors": found}))
}

func (f *checkFlags) explainRequest(sh *shell, cfg *config.Config) error {
	a := asked{line: f.explain, headers: f.headers}
	if f.data != "" {
		body, err := sh.readBody(f.data)
		if err != nil {
			return usagef("--data: %v", err)
		}
		a.body = body
	}
	e, err := sh.newExplainer(&cfg.Config)
	if err != nil {
		return &invalidConfig{err: fmt.Errorf("%s: %w", f.path, err)}
	}
	defer e.close()
	x, err := e.explain(a)
	if err != nil {
		return usagef("--explain: %v", err)
	}
	if f.json {
		return writeJSON(sh.stdout, x)
	}
	return x.write(sh.stdout)
}

// The configuration as it was understood.
type (
	checked struct {
		Valid     bool              `json:"valid"`
		File      string            `json:"file"`
		Classes   []checkedClass    `json:"classes"`
		Upstreams []checkedUpstream `json:"upstreams"`
		Routes    []checkedRoute    `json:"routes"`
	}
	checkedClass struct {
		Name       string  `json:"name"`
		Match      string  `json:"match"`
		Weight     int     `json:"weight"`
		Share      float64 `json:"share"` // of an upstream while all classes have something waiting, 0 to 1
		MaxWait    string  `json:"max_wait"`
		QueueLimit int     `json:"queue_limit"`
		Flow       string  `json:"flow"`
		MaxSeats   string  `json:"max_seats,omitempty"`
	}
	checkedUpstream struct {
		Name      string   `json:"name"`
		Protocol  string   `json:"protocol"`
		Seats     string   `json:"seats"`
		Endpoints []string `json:"endpoints"`
		Fallback  []string `json:"fallback,omitempty"`
	}
	checkedRoute struct {
		Name     string `json:"name"`
		Match    string `json:"match"`
		Upstream string `json:"upstream"`
	}
)

func understood(path string, cfg *gateway.Config) checked {
	c := checked{Valid: true, File: path, Classes: []checkedClass{}, Upstreams: []checkedUpstream{}, Routes: []checkedRoute{}}
	sum := 0
	for _, k := range cfg.Classes {
		sum += k.Weight
	}
	for _, k := range cfg.Classes {
		c.Classes = append(c.Classes, checkedClass{
			Name: k.Name, Match: classMatchText(k.Match), Weight: k.Weight, Share: float64(k.Weight) / float64(sum),
			MaxWait: k.MaxWait.String(), QueueLimit: k.QueueLimit, Flow: k.Flow, MaxSeats: seatCapText(k),
		})
	}
	for i := range cfg.Upstreams {
		u := describeUpstream(&cfg.Upstreams[i])
		c.Upstreams = append(c.Upstreams, checkedUpstream{
			Name: u.Name, Protocol: u.Protocol, Seats: u.Seats, Endpoints: u.Endpoints, Fallback: u.Fallback,
		})
	}
	for _, r := range cfg.Routes {
		c.Routes = append(c.Routes, checkedRoute{Name: r.Name, Match: routeMatchText(r.Match), Upstream: r.Upstream})
	}
	return c
}

func seatCapText(k gateway.ClassConfig) string {
	switch {
	case k.MaxSeats.Percent > 0:
		return fmt.Sprintf("%d%%", k.MaxSeats.Percent)
	case k.MaxSeats.Seats > 0:
		return fmt.Sprint(k.MaxSeats.Seats)
	}
	return ""
}

func classMatchText(m *routing.ClassMatch) string {
	if m == nil {
		return "whatever no other class takes"
	}
	var parts []string
	add := func(name string, values routing.StringList) {
		if len(values) > 0 {
			parts = append(parts, name+" "+strings.Join(values, "|"))
		}
	}
	add("tier", m.Tier)
	add("tenant", m.Tenant)
	add("user", m.User)
	add("campaign", m.Campaign)
	add("business", m.Business)
	add("mode", m.Mode)
	add("route", m.Route)
	if m.CampaignValue != "" {
		parts = append(parts, "campaign value "+m.CampaignValue)
	}
	return strings.Join(parts, ", ")
}

func routeMatchText(m routing.RouteMatch) string {
	var parts []string
	for _, p := range [][]string{m.Method, m.Host, m.Path} {
		if len(p) > 0 {
			parts = append(parts, strings.Join(p, "|"))
		}
	}
	if len(parts) == 0 {
		return "every request"
	}
	return strings.Join(parts, " ")
}

// writeChecked prints the configuration as tables.
func writeChecked(w io.Writer, path string, cfg *gateway.Config) error {
	c := understood(path, cfg)
	classes := newTable()
	classes.AppendHeader(table.Row{"class", "weight", "share", "max wait", "queue", "seats", "flow", "takes"})
	alignRight(classes, 2, 3, 4, 5, 6)
	for _, k := range c.Classes {
		classes.AppendRow(table.Row{k.Name, k.Weight, percent(k.Share), k.MaxWait, k.QueueLimit, k.MaxSeats, k.Flow, k.Match})
	}
	upstreams := newTable()
	upstreams.AppendHeader(table.Row{"upstream", "protocol", "seats", "endpoints", "fallback"})
	for _, u := range c.Upstreams {
		upstreams.AppendRow(table.Row{u.Name, u.Protocol, u.Seats, strings.Join(u.Endpoints, " "), strings.Join(u.Fallback, " ")})
	}
	routes := newTable()
	routes.AppendHeader(table.Row{"route", "upstream", "takes"})
	for _, r := range c.Routes {
		routes.AppendRow(table.Row{r.Name, r.Upstream, r.Match})
	}
	_, err := fmt.Fprintf(w, "%s is valid\n\n%s\n\n%s\n\n%s\n", path, classes.Render(), upstreams.Render(), routes.Render())
	return err
}
