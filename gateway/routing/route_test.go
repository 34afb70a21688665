package routing_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weir-gateway/weir/gateway/routing"
)

func compile(t require.TestingT, cfg ...routing.RouteConfig) *routing.Routes {
	r, err := routing.CompileRoutes(cfg)
	require.NoError(t, err)
	return r
}

func onPath(name string, paths ...string) routing.RouteConfig {
	return routing.RouteConfig{Name: name, Match: routing.RouteMatch{Path: paths}}
}

func TestPathPatterns(t *testing.T) {
	match := func(pattern, path string) bool {
		_, v := compile(t, onPath("r", pattern)).Match([]byte("GET"), nil, []byte(path))
		return v == routing.Matched
	}
	yes := func(pattern, path string) {
		t.Helper()
		assert.True(t, match(pattern, path), "%s should match %s", pattern, path)
	}
	no := func(pattern, path string) {
		t.Helper()
		assert.False(t, match(pattern, path), "%s should not match %s", pattern, path)
	}
	yes("/", "/")
	no("/", "/a")
	no("/", "")
	no("/", "*")
	yes("/*", "/")
	yes("/*", "/a/b")
	yes("/**", "/a//b")
	yes("/v1/*", "/v1")
	yes("/v1/*", "/v1/")
	yes("/v1/*", "/v1/chat/completions")
	no("/v1/*", "/v10")
	no("/v1/*", "/V1/x")
	no("/v1/*", "//v1/x")
	no("/v1/*", "/v1%2Fx")
	yes("/v1", "/v1")
	no("/v1", "/v1/")
	yes("/a/*/c", "/a/b/c")
	no("/a/*/c", "/a/b/b/c")
	yes("/a/**/c", "/a/c")
	yes("/a/**/c", "/a/b/b/c")
	no("/a/**/c", "/a/b/b/c/d")
	yes("/a/**/c/**/e", "/a/c/x/c/y/e")
	yes("/v1beta/models/gemini-*:generateContent", "/v1beta/models/gemini-2.5-pro:generateContent")
	no("/v1beta/models/gemini-*:generateContent", "/v1beta/models/gemini-2/5:generateContent")
	yes("/x/a*b*c", "/x/aXbbYc")
	no("/x/a*b*c", "/x/aXbbYcd")
	yes("/**/x*", "/q/x/xyz")
}

func TestFirstMatchWins(t *testing.T) {
	r := compile(t,
		onPath("deep", "/v1/chat/*"),
		onPath("exact", "/v1/models"),
		onPath("v1", "/v1/*"),
		onPath("shadowed", "/v1/chat/completions"),
		onPath("rest"),
	)
	for path, want := range map[string]int{
		"/v1/chat/completions": 0, "/v1/models": 1, "/v1/models/x": 2, "/v1": 2, "/v2": 4, "*": 4,
	} {
		i, v := r.Match([]byte("GET"), []byte("h"), []byte(path))
		assert.Equal(t, routing.Matched, v)
		assert.Equal(t, want, i, path)
	}
}

func TestHosts(t *testing.T) {
	r := compile(t,
		routing.RouteConfig{Match: routing.RouteMatch{Host: routing.StringList{"API.example.com"}}},
		routing.RouteConfig{Match: routing.RouteMatch{Host: routing.StringList{"*.example.com"}}},
		routing.RouteConfig{Match: routing.RouteMatch{Host: routing.StringList{"[::1]"}}},
	)
	f := func(host string, want int) {
		t.Helper()
		i, v := r.Match([]byte("GET"), []byte(host), []byte("/"))
		if want < 0 {
			assert.Equal(t, routing.NoRoute, v, host)
			return
		}
		assert.Equal(t, routing.Matched, v, host)
		assert.Equal(t, want, i, host)
	}
	f("api.example.com", 0)
	f("Api.Example.COM:8080", 0)
	f("api.example.com.", 0)
	f("a.b.example.com:1", 1)
	f("example.com", -1)
	f("xexample.com", -1)
	f("[::1]:8080", 2)
	f("", -1)
	f(strings.Repeat("a", 300)+".example.com", -1)
}

func TestMethods(t *testing.T) {
	r := compile(t,
		routing.RouteConfig{Match: routing.RouteMatch{Path: routing.StringList{"/a"}, Method: routing.StringList{"GET", "HEAD"}}},
		routing.RouteConfig{Match: routing.RouteMatch{Path: routing.StringList{"/b"}}},
	)
	_, v := r.Match([]byte("POST"), nil, []byte("/a"))
	assert.Equal(t, routing.MethodMismatch, v)
	_, v = r.Match([]byte("get"), nil, []byte("/a"))
	assert.Equal(t, routing.MethodMismatch, v)
	_, v = r.Match([]byte("HEAD"), nil, []byte("/a"))
	assert.Equal(t, routing.Matched, v)
	_, v = r.Match([]byte("POST"), nil, []byte("/c"))
	assert.Equal(t, routing.NoRoute, v)
}

func TestDotSegments(t *testing.T) {
	r := compile(t, onPath("public", "/public/*"), onPath("admin", "/admin/*"))
	f := func(path string, want routing.Verdict) {
		t.Helper()
		_, v := r.Match([]byte("GET"), nil, []byte(path))
		assert.Equal(t, want, v, path)
	}
	f("/public/a/../b", routing.Matched)
	f("/public/./b", routing.Matched)
	f("/public/...", routing.Matched)
	f("/public/..a/a..", routing.Matched)
	f("/public/a.b/.c", routing.Matched)
	f("/public/%2e", routing.Matched)
	f("/public/..", routing.AmbiguousPath)
	f("/public/../admin/x", routing.AmbiguousPath)
	f("/public/%2e%2e/admin/x", routing.AmbiguousPath)
	f("/public/.%2E/admin/x", routing.AmbiguousPath)
	f("/public/..%2fadmin/x", routing.AmbiguousPath)
	f("/public/%2e%2e%2Fadmin/x", routing.AmbiguousPath)
	f(`/public/..\admin/x`, routing.AmbiguousPath)
	f("/public/..%5cadmin/x", routing.AmbiguousPath)
	f("/public/..;/admin/x", routing.AmbiguousPath)
	f("/public/..;a=b/admin/x", routing.AmbiguousPath)
	f("/public//../admin/x", routing.AmbiguousPath)
	f("/public/a//../../admin", routing.AmbiguousPath)
	f("/public/a/../../../public/x", routing.AmbiguousPath)
	f("/public/x%2f..%2f..%2fadmin/y", routing.AmbiguousPath)
	f("/elsewhere/../public/x", routing.NoRoute)
	f("/admin/../public/x", routing.AmbiguousPath)
	f("/public/"+strings.Repeat("a/../", 500)+"b", routing.Matched)

	all := compile(t, onPath("all", "/*"))
	_, v := all.Match([]byte("GET"), nil, []byte("/a/../../etc/passwd"))
	assert.Equal(t, routing.AmbiguousPath, v, "out of the endpoint's prefix")
}

func TestCompileRoutesSaysWhatIsWrong(t *testing.T) {
	_, err := routing.CompileRoutes([]routing.RouteConfig{
		onPath("ok", "/x"),
		{Match: routing.RouteMatch{
			Host:   routing.StringList{"a:80", "b c", "*.", "x.*.y"},
			Path:   routing.StringList{"v1", "/a?b", "/a**b", "/a/../b", "/ä", strings.Repeat("/x", 65)},
			Method: routing.StringList{"get", ""},
		}},
	})
	require.Error(t, err)
	for _, want := range []string{
		`routes[1].match.host[0]: "a:80" has a port`, "routes[1].match.host[1]:", "routes[1].match.host[2]:", "routes[1].match.host[3]:",
		`routes[1].match.path[0]: "v1" must start with /`, "routes[1].match.path[1]:", "routes[1].match.path[2]:",
		"routes[1].match.path[3]:", "routes[1].match.path[4]:", "routes[1].match.path[5]:",
		`routes[1].match.method[0]: "get" is not a method`, "routes[1].match.method[1]:",
	} {
		assert.ErrorContains(t, err, want)
	}
	var field *routing.FieldError
	require.ErrorAs(t, err, &field)
	assert.Equal(t, "routes[1].match.host[0]", field.Path)
	c := onPath("r", "x")
	require.ErrorAs(t, c.Validate(), &field)
	assert.Equal(t, "match.path[0]", field.Path)
	c = onPath("r", "/x")
	assert.NoError(t, c.Validate())
}

// reference is the meaning of a pattern, by other means.
func reference(pattern string) *regexp.Regexp {
	segments := strings.Split(pattern[1:], "/")
	var re strings.Builder
	re.WriteString(`^`)
	for i, s := range segments {
		if s == "**" || (s == "*" && i == len(segments)-1) {
			re.WriteString(`(/[^/]*)*`)
			continue
		}
		re.WriteString("/" + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, `[^/]*`))
	}
	return regexp.MustCompile(re.String() + `$`)
}

func naive(cfg []routing.RouteConfig, method, host, path string) (int, routing.Verdict) {
	verdict := routing.NoRoute
	for i, c := range cfg {
		hostOK := len(c.Match.Host) == 0
		for _, h := range c.Match.Host {
			hostOK = hostOK || h == host || (h[0] == '*' && strings.HasSuffix(host, h[1:]))
		}
		pathOK := len(c.Match.Path) == 0
		for _, p := range c.Match.Path {
			pathOK = pathOK || (path != "" && reference(p).MatchString(path))
		}
		methodOK := len(c.Match.Method) == 0
		for _, m := range c.Match.Method {
			methodOK = methodOK || m == method
		}
		switch {
		case hostOK && pathOK && methodOK:
			return i, routing.Matched
		case hostOK && pathOK:
			verdict = routing.MethodMismatch
		}
	}
	return 0, verdict
}

func TestMatchAgreesWithNaiveReference(t *testing.T) {
	segment := rapid.SampledFrom([]string{"", "a", "b", "ab", "aab", "c"})
	globs := rapid.SampledFrom([]string{"", "a", "b", "ab", "*", "**", "a*", "*b", "*a*b"})
	path := func(g *rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Map(rapid.SliceOfN(g, 1, 5), func(s []string) string { return "/" + strings.Join(s, "/") })
	}
	hosts := rapid.SampledFrom([]string{"x.com", "a.x.com", "b.a.x.com", "y.org"})
	hostPatterns := rapid.SampledFrom([]string{"x.com", "*.x.com", "*.a.x.com", "y.org"})
	methods := rapid.SampledFrom([]string{"GET", "POST"})
	rapid.Check(t, func(t *rapid.T) {
		var cfg []routing.RouteConfig
		for i := range rapid.IntRange(0, 12).Draw(t, "routes") {
			cfg = append(cfg, routing.RouteConfig{Name: fmt.Sprint(i), Match: routing.RouteMatch{
				Host:   rapid.SliceOfN(hostPatterns, 0, 2).Draw(t, "hosts"),
				Path:   rapid.SliceOfN(path(globs), 0, 2).Draw(t, "paths"),
				Method: rapid.SliceOfN(methods, 0, 1).Draw(t, "methods"),
			}})
		}
		r := compile(t, cfg...)
		for range 10 {
			m, h, p := methods.Draw(t, "method"), hosts.Draw(t, "host"), path(segment).Draw(t, "path")
			wantIndex, want := naive(cfg, m, h, p)
			index, got := r.Match([]byte(m), []byte(h), []byte(p))
			if got != want || index != wantIndex {
				t.Fatalf("%s %s%s: got %d %s, want %d %s", m, h, p, index, got, wantIndex, want)
			}
			for i, reason := range r.Explain([]byte(m), []byte(h), []byte(p)) {
				_, alone := naive(cfg[i:i+1], m, h, p)
				if reason.Matches != (alone == routing.Matched) || reason.Chosen != (want == routing.Matched && i == wantIndex) {
					t.Fatalf("%s %s%s: route %d explained as %+v", m, h, p, i, reason)
				}
			}
		}
	})
}

func TestExplainRoutes(t *testing.T) {
	r := compile(t,
		routing.RouteConfig{Name: "host", Match: routing.RouteMatch{Host: routing.StringList{"x.com"}}},
		routing.RouteConfig{Name: "get", Match: routing.RouteMatch{Path: routing.StringList{"/v1/*"}, Method: routing.StringList{"GET"}}},
		onPath("v1", "/v1/*"),
		onPath("models", "/models"),
		onPath("rest"),
	)
	var got []string
	for _, reason := range r.Explain([]byte("POST"), []byte("y.org:80"), []byte("/v1/chat")) {
		got = append(got, reason.Name+": "+reason.Why)
	}
	assert.Equal(t, []string{
		`host: host "y.org" is not x.com`,
		`get: method POST is not GET`,
		`v1: first match: path "/v1/chat" matches /v1/*`,
		`models: path "/v1/chat" does not match /models`,
		`rest: it takes every request; but an earlier route is taken`,
	}, got)
}

// FuzzMatch looks for panics, and for paths whose readings lead elsewhere.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{"/", "/public/a", "/public/../admin", "/public/%2e%2e/admin/x", "/public/..;/admin", "*", "", "/a//..%2f/./%2E"} {
		f.Add("GET", "x.example.com:80", p)
	}
	r := compile(f,
		onPath("admin", "/admin/*"), onPath("public", "/public/*", "/p*/**/q"),
		routing.RouteConfig{Match: routing.RouteMatch{Host: routing.StringList{"*.example.com"}}},
	)
	f.Fuzz(func(t *testing.T, method, host, path string) {
		i, v := r.Match([]byte(method), []byte(host), []byte(path))
		if v == routing.Matched && i == 1 && strings.HasPrefix(path, "/public/") {
			// Whatever it is, a plain clean-up does not lead out.
			clean := strings.ReplaceAll(strings.ReplaceAll(path, "%2e", "."), "%2E", ".")
			depth := 0
			for _, s := range strings.Split(clean[1:], "/") {
				switch s {
				case "..":
					depth--
				case ".":
				default:
					depth++
				}
				require.GreaterOrEqual(t, depth, 0, path)
			}
		}
		r.Explain([]byte(method), []byte(host), []byte(path))
	})
}
