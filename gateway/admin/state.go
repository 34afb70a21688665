package admin

import (
	"context"
	_ "embed" // openapi.json
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reloadTimeout bounds a reload, which reads files.
const reloadTimeout = 30 * time.Second

// upstreamsAnswer is the answer of GET /api/v1/upstreams.
type upstreamsAnswer struct {
	Upstreams []Upstream `json:"upstreams"`
}

// readiness is the answer of GET /readyz?verbose.
type readiness struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason"` // empty when ready
}

// reloaded is the answer of a reload that went well.
type reloaded struct {
	Reloaded bool `json:"reloaded"`
}

//go:embed openapi.json
var openAPIDocument []byte

func (s *Server) healthz(c *call) *failure {
	writeText(c.w, http.StatusOK, "ok")
	return nil
}

func (s *Server) readyz(c *call) *failure {
	ready, reason := s.deps.Gateway.Ready()
	status, text := http.StatusOK, "ok"
	if ready {
		reason = ""
	} else {
		status, text = http.StatusServiceUnavailable, reason
	}
	if c.r.URL.Query().Has("verbose") {
		writeJSON(c.w, status, readiness{ready, reason})
	} else {
		writeText(c.w, status, text)
	}
	return nil
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

func (s *Server) upstreams(c *call) *failure {
	list := orEmpty(s.deps.Gateway.Upstreams())
	for i := range list {
		list[i].Fallback, list[i].Endpoints = orEmpty(list[i].Fallback), orEmpty(list[i].Endpoints)
	}
	writeJSON(c.w, http.StatusOK, upstreamsAnswer{list})
	return nil
}

func (s *Server) openAPI(c *call) *failure {
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(openAPIDocument)
	return nil
}

// config answers in YAML, which is what the file is written in, unless JSON is
// what the client rather has.
func (s *Server) config(c *call) *failure {
	kind := chooseMedia(c.r.Header.Values("Accept"), []string{"application/yaml", "application/json"})
	write := s.deps.Gateway.ConfigYAML
	switch kind {
	case "":
		return &failure{
			status: http.StatusNotAcceptable, code: "not_acceptable",
			message: "the configuration comes as application/yaml or application/json",
		}
	case "application/json":
		write = s.deps.Gateway.ConfigJSON
	}
	body, err := write()
	if err != nil {
		return &failure{status: http.StatusInternalServerError, code: "internal", message: "write the configuration: " + err.Error()}
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Vary", "Accept")
	_, _ = c.w.Write(body)
	return nil
}

// chooseMedia picks the offer with the highest weight (RFC 9110 section 12.5.1),
// the first of equals; empty: none is acceptable.
func chooseMedia(accept []string, offers []string) string {
	if len(accept) == 0 {
		return offers[0]
	}
	best, bestWeight := "", 0.0
	for _, offer := range offers {
		if w := weightOf(strings.Join(accept, ","), offer); w > bestWeight {
			best, bestWeight = offer, w
		}
	}
	return best
}

// weightOf takes the most specific range that covers the offer.
func weightOf(accept, offer string) float64 {
	weight, specific := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		if s := covers(kind, offer); s > specific {
			specific, weight = s, 1
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
		}
	}
	return weight
}

func covers(kind, offer string) int {
	family, _, _ := strings.Cut(offer, "/")
	switch kind {
	case offer:
		return 2
	case "text/yaml", "application/x-yaml", "text/x-yaml": // names from before RFC 9512
		if offer == "application/yaml" {
			return 2
		}
	case family + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}

// reload reads the configuration again. Two at a time would not know whose file
// was taken, so the second one is refused.
func (s *Server) reload(c *call) *failure {
	if f := readBody(c.r, &struct{}{}); f != nil {
		return f
	}
	if !s.reloading.TryLock() {
		return &failure{status: http.StatusConflict, code: "reload_in_progress", message: "a reload is in progress"}
	}
	defer s.reloading.Unlock()
	ctx, cancel := context.WithTimeout(c.r.Context(), reloadTimeout)
	defer cancel()
	if err := s.deps.Gateway.Reload(ctx); err != nil {
		return reloadFailure(err)
	}
	writeJSON(c.w, http.StatusOK, reloaded{true})
	return nil
}

func reloadFailure(err error) *failure {
	switch {
	case errors.Is(err, ErrNoReload):
		return &failure{status: http.StatusConflict, code: "no_reload", message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{
			status: http.StatusGatewayTimeout, code: "reload_timeout",
			message: fmt.Sprintf("the reload did not end within %s", reloadTimeout),
		}
	}
	return &failure{status: http.StatusUnprocessableEntity, code: "bad_config", message: err.Error()}
}
