package mock

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// resource is what a cache is told about a body.
type resource struct {
	version  int
	modified time.Time
	cache    string
	vary     string
}

// cacheControl returns what the request ordered for a successful answer, or the usual.
func (ex *exchange) cacheControl(usual string) string {
	if ex.order.cacheControl != "" {
		return ex.order.cacheControl
	}
	return usual
}

// writeResource answers with a JSON body and its validators, or 304 when the client has it.
func (ex *exchange) writeResource(v any, r resource) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: resource is not JSON: " + err.Error())
	}
	etag := fmt.Sprintf(`"v%d-%016x"`, r.version, hashText(string(body)))
	ex.setValidators(etag, r)
	if ex.notModified(etag, r.modified) {
		return
	}
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(body)
}

func (ex *exchange) setValidators(etag string, r resource) {
	h := &ex.ctx.Response.Header
	h.Set("ETag", etag)
	h.Set("Last-Modified", httpDate(r.modified))
	h.Set("Cache-Control", ex.cacheControl(r.cache))
	if r.vary != "" {
		h.Set("Vary", r.vary)
	}
}

// notModified answers 304 when a condition of the request says that the client's copy is good.
// If-None-Match counts alone when it is there (RFC 9110, section 13.2.2).
func (ex *exchange) notModified(etag string, modified time.Time) bool {
	h := &ex.ctx.Request.Header
	match := false
	if tags := h.Peek("If-None-Match"); len(tags) > 0 {
		match = matchesTag(string(tags), etag)
	} else if since, err := fasthttp.ParseHTTPDate(h.Peek("If-Modified-Since")); err == nil {
		match = !modified.After(since)
	}
	if match {
		ex.ctx.Response.SetStatusCode(fasthttp.StatusNotModified)
	}
	return match
}

// matchesTag compares weakly, as If-None-Match does.
func matchesTag(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

func httpDate(t time.Time) string { return string(fasthttp.AppendHTTPDate(nil, t.UTC())) }
