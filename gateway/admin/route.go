package admin

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// route is one method of one endpoint.
type route struct {
	method  string // GET serves HEAD as well
	pattern string // of http.ServeMux, without the method
	need    need
	summary string
	serve   func(*call) *failure
}

// call is one request that was let in.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	who caller
	// audit is what the log should say about the operation.
	audit []zap.Field
}

// table is all that the listener serves.
func (s *Server) table() []route {
	profiles := func(h http.HandlerFunc) func(*call) *failure {
		return func(c *call) *failure {
			// The browser must be able to show the index, which has inline styles.
			c.w.Header().Del("Content-Security-Policy")
			h(c.w, c.r)
			return nil
		}
	}
	return []route{
		{"GET", "/{$}", needViewer, "this list", s.index},
		{"GET", "/healthz", needNothing, "200 while the process lives", s.healthz},
		{"GET", "/readyz", needNothing, "200 while it takes traffic, else 503; ?verbose for JSON", s.readyz},
		{"GET", "/metrics", needViewer, "Prometheus metrics", s.metrics()},
		{"GET", "/api/v1/queues", needViewer, "queues, classes and flows", s.queues},
		{"POST", "/api/v1/queues/{upstream}/{target}", needAdmin, "{class}:pause, resume, drain or boost", s.queueOp},
		{"GET", "/api/v1/upstreams", needViewer, "upstreams and endpoints", s.upstreams},
		{"GET", "/api/v1/config", needViewer, "the configuration in force, secrets masked", s.config},
		{"POST", "/api/v1/reload", needAdmin, "read the configuration again", s.reload},
		{"GET", "/api/v1/openapi.json", needViewer, "this API as OpenAPI 3.1", s.openAPI},
		{"GET", "/debug/pprof/", needAdmin, "profiles", profiles(pprof.Index)},
		{"GET", "/debug/pprof/cmdline", needAdmin, "command line", profiles(pprof.Cmdline)},
		{"GET", "/debug/pprof/profile", needAdmin, "CPU profile; ?seconds=30", profiles(pprof.Profile)},
		{"GET", "/debug/pprof/symbol", needAdmin, "names of program counters", profiles(pprof.Symbol)},
		{"POST", "/debug/pprof/symbol", needAdmin, "names of program counters", profiles(pprof.Symbol)},
		{"GET", "/debug/pprof/trace", needAdmin, "execution trace; ?seconds=1", profiles(pprof.Trace)},
	}
}

// mux joins the methods of a path, so that a wrong method is told the right ones.
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	methods := map[string][]route{}
	for _, rt := range s.routes {
		methods[rt.pattern] = append(methods[rt.pattern], rt)
	}
	for pattern, routes := range methods {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, routes) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.dispatch(w, r, nil)
	})
	return mux
}

// dispatch serves a request to a path with these routes.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, routes []route) {
	rt := choose(r.Method, routes)
	c := &call{w: w, r: r}
	var f *failure
	if c.who, f = s.access.check(r, rt.need); f == nil {
		f = rt.serve(c)
	}
	if !isRead(r.Method) {
		s.audit(c, f)
	}
	if f != nil {
		f.write(w)
	}
}

func choose(method string, routes []route) route {
	for _, rt := range routes {
		if rt.method == method || rt.method == http.MethodGet && method == http.MethodHead {
			return rt
		}
	}
	if len(routes) == 0 {
		return route{need: needViewer, serve: func(c *call) *failure {
			return &failure{status: http.StatusNotFound, code: "no_such_path", message: "there is nothing at " + c.r.URL.Path}
		}}
	}
	return route{need: routes[0].need, serve: func(c *call) *failure {
		return &failure{
			status: http.StatusMethodNotAllowed, code: "method", allow: allowed(routes),
			message: fmt.Sprintf("%s is not possible here, %s is", c.r.Method, allowed(routes)),
		}
	}}
}

func allowed(routes []route) string {
	var methods []string
	for _, rt := range routes {
		methods = append(methods, rt.method)
		if rt.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func isRead(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

// audit logs what was changed, or who tried to.
func (s *Server) audit(c *call, f *failure) {
	fields := append([]zap.Field{
		zap.String("operation", c.r.Method+" "+c.r.URL.EscapedPath()),
		zap.String("token", c.who.name),
		zap.String("peer", c.who.peer),
		zap.String("request_id", c.w.Header().Get(requestIDField)),
	}, c.audit...)
	if f != nil {
		s.deps.Logger.Warn("admin operation refused", append(fields,
			zap.String("result", f.code), zap.Int("status", f.status), zap.String("error", f.message))...)
		return
	}
	s.deps.Logger.Info("admin operation done", append(fields, zap.String("result", "ok"))...)
}

// index lists the endpoints for a reader with curl.
func (s *Server) index(c *call) *failure {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(c.w, "weir %s\n\n", s.deps.Gateway.Version())
	for _, rt := range s.routes {
		path := strings.TrimSuffix(rt.pattern, "{$}")
		fmt.Fprintf(c.w, "%-4s  %-36s  %s\n", rt.method, path, rt.summary)
	}
	return nil
}

// metrics serves the registry: gzip when it is accepted, OpenMetrics when asked.
func (s *Server) metrics() func(*call) *failure {
	h := promhttp.HandlerFor(s.deps.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            zap.NewStdLog(s.deps.Logger),
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 8,
	})
	return func(c *call) *failure {
		h.ServeHTTP(c.w, c.r)
		return nil
	}
}
