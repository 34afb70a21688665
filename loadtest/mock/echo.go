package mock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// echoAnswer is what /x/echo saw of a request.
type echoAnswer struct {
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Proto    string      `json:"proto"`
	Remote   string      `json:"remote"`
	Headers  []echoField `json:"headers"`
	Length   int         `json:"body_length"`
	SHA256   string      `json:"body_sha256"`
	Trailers []echoField `json:"trailers"`
}

type echoField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// serveEcho describes the request. Credentials appear as a short hash, enough to compare.
func (ex *exchange) serveEcho() {
	if !ex.think(Dist{}, 0) {
		return
	}
	req := &ex.ctx.Request
	sum := sha256.Sum256(req.Body())
	a := echoAnswer{
		Method: string(req.Header.Method()), Target: redactTarget(string(req.Header.RequestURI())),
		Proto: string(req.Header.Protocol()), Remote: ex.ctx.RemoteAddr().String(),
		Headers: rawFields(req.Header.RawHeaders()), Trailers: []echoField{},
		Length: len(req.Body()), SHA256: hex.EncodeToString(sum[:]),
	}
	for name := range req.Header.Trailers() {
		for _, v := range req.Header.PeekAll(string(name)) {
			a.Trailers = append(a.Trailers, echoField{string(name), redact(string(name), string(v))})
		}
	}
	ex.ctx.Response.Header.Set("Cache-Control", "no-store")
	ex.writeJSON(a)
}

// rawFields splits a header section as it came in, in its order and with its spelling of names.
func rawFields(raw []byte) []echoField {
	fields := []echoField{}
	for line := range bytes.SplitSeq(raw, []byte("\n")) {
		name, v, ok := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(":"))
		if ok {
			fields = append(fields, echoField{string(name), redact(string(name), string(bytes.TrimSpace(v)))})
		}
	}
	return fields
}

// redact replaces a credential by the start of its hash.
func redact(name, v string) string {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie":
		sum := sha256.Sum256([]byte(v))
		return "redacted sha256:" + hex.EncodeToString(sum[:6])
	default:
		return v
	}
}

// redactTarget hides the value of a key parameter.
func redactTarget(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		if name, _, has := strings.Cut(p, "="); has && (name == "key" || name == "api_key" || name == "access_token") {
			params[i] = name + "=redacted"
		}
	}
	return path + "?" + strings.Join(params, "&")
}
