package mock

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// route is one endpoint.
type route struct {
	index    int
	name     string // the pattern of its path
	methods  string // comma separated, as in an Allow header; "" is any
	protocol protocol
	keyed    bool // asks for one of Config.Keys
	faulty   bool // subject to Config.Faults
	serve    func(*exchange)
	// admin endpoints are not counted, limited or failed, and have no exchange.
	admin func(*Server, *fasthttp.RequestCtx)

	prefix, suffix string // around the pattern's {…}
}

func (r *route) allows(method []byte) bool {
	if r.methods == "" {
		return true
	}
	for rest := r.methods; rest != ""; {
		var m string
		m, rest, _ = strings.Cut(rest, ", ")
		if string(method) == m {
			return true
		}
	}
	return false
}

// router finds the route of a path. It never changes after newRouter.
type router struct {
	exact    map[string]*route
	patterns []*route // the first match counts
	unknown  *route
	names    []string // by index
}

func newRouter() *router {
	rt := &router{exact: map[string]*route{}}
	for _, group := range [][]route{adminRoutes(), openAIRoutes(), anthropicRoutes(), geminiRoutes(), marketingRoutes(), helperRoutes()} {
		for _, r := range group {
			rt.add(&r)
		}
	}
	rt.unknown = &route{name: "(unknown)", serve: (*exchange).serveUnknown}
	rt.number(rt.unknown)
	return rt
}

func (rt *router) add(r *route) {
	rt.number(r)
	prefix, rest, isPattern := strings.Cut(r.name, "{")
	if !isPattern {
		rt.exact[r.name] = r
		return
	}
	_, suffix, _ := strings.Cut(rest, "}")
	r.prefix, r.suffix = prefix, suffix
	rt.patterns = append(rt.patterns, r)
}

func (rt *router) number(r *route) {
	r.index = len(rt.names)
	rt.names = append(rt.names, r.name)
}

// find returns the route of a path and what stands in the place of its {…}, which is never empty.
func (rt *router) find(path string) (*route, string) {
	if r, ok := rt.exact[path]; ok {
		return r, ""
	}
	for _, r := range rt.patterns {
		arg, ok := strings.CutPrefix(path, r.prefix)
		if !ok {
			continue
		}
		if arg, ok = strings.CutSuffix(arg, r.suffix); ok && arg != "" && !strings.Contains(arg, "/") {
			return r, arg
		}
	}
	return rt.unknown, ""
}

func (ex *exchange) serveUnknown() {
	ex.refuse(problem{status: 404, code: "not_found", message: "There is no such endpoint."})
}

// authorised checks the key of a provider endpoint and refuses in the provider's words. No part of a key is
// ever repeated.
func (ex *exchange) authorised() bool {
	if !ex.route.keyed || len(ex.srv.keys) == 0 {
		return true
	}
	h := &ex.ctx.Request.Header
	var key []byte
	switch ex.route.protocol {
	case protocolAnthropic:
		key = h.Peek("X-Api-Key")
	case protocolGemini:
		if key = h.Peek("X-Goog-Api-Key"); len(key) == 0 {
			key = ex.ctx.QueryArgs().Peek("key")
		}
	default:
		if scheme, rest, ok := bytes.Cut(h.Peek("Authorization"), []byte(" ")); ok && strings.EqualFold(string(scheme), "bearer") {
			key = bytes.TrimSpace(rest)
		}
	}
	if _, ok := ex.srv.keys[string(key)]; ok {
		return true
	}
	ex.refuse(keyProblem(ex.route.protocol, len(key) > 0))
	return false
}

func keyProblem(p protocol, given bool) problem {
	switch {
	case p == protocolAnthropic && given:
		return problem{status: 401, message: "invalid x-api-key"}
	case p == protocolAnthropic:
		return problem{status: 401, message: "x-api-key header is required"}
	case p == protocolGemini && given:
		return problem{status: 400, message: "API key not valid. Please pass a valid API key."}
	case p == protocolGemini:
		return problem{status: 403, message: "Method doesn't allow unregistered callers. Please use API Key."}
	case given:
		return problem{status: 401, code: "invalid_api_key", message: "Incorrect API key provided."}
	default:
		return problem{status: 401, code: "invalid_api_key", message: "You didn't provide an API key. You need to provide it in an Authorization header using Bearer auth."}
	}
}
