package mock

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
)

func adminRoutes() []route {
	return []route{
		{name: "/healthz", admin: (*Server).serveHealth},
		{name: "/metrics-free", admin: (*Server).serveHealth},
		{name: "/mock/stats", admin: (*Server).serveStats},
		{name: "/mock/reset", admin: (*Server).serveReset},
	}
}

// serveHealth answers even under the concurrency limit: a busy mock is healthy.
func (s *Server) serveHealth(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.SetBodyString("ok\n")
}

func (s *Server) serveStats(ctx *fasthttp.RequestCtx) {
	body, err := json.MarshalIndent(s.Stats(), "", "  ")
	if err != nil {
		panic("BUG: statistics are not JSON: " + err.Error())
	}
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetBody(append(body, '\n'))
}

func (s *Server) serveReset(ctx *fasthttp.RequestCtx) {
	if !ctx.IsPost() {
		ctx.Response.Header.Set("Allow", "POST")
		ctx.SetContentType("application/json")
		ctx.SetStatusCode(fasthttp.StatusMethodNotAllowed)
		ctx.SetBodyString(`{"error":{"status":405,"code":"method_not_allowed","message":"This endpoint answers POST."}}`)
		return
	}
	s.Reset()
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
