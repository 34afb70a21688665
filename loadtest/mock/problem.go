package mock

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// protocol is whose manners an endpoint has: error bodies, key headers and limit headers.
type protocol uint8

const (
	protocolPlain protocol = iota
	protocolOpenAI
	protocolAnthropic
	protocolGemini
)

// problem is a refusal, before it has the shape of a protocol.
type problem struct {
	status     int
	kind       string // error type; "" is the usual one of the status
	code       string
	param      string
	message    string
	retryAfter time.Duration
}

// refuse answers with a problem in the shape of the endpoint's protocol.
func (ex *exchange) refuse(p problem) {
	resp := &ex.ctx.Response
	resp.ResetBody()
	resp.SetStatusCode(p.status)
	if p.retryAfter > 0 {
		resp.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	id := ex.id("req_")
	switch ex.route.protocol {
	case protocolOpenAI:
		resp.Header.Set("X-Request-Id", id)
		if p.retryAfter > 0 {
			resp.Header.Set("Retry-After-Ms", strconv.FormatInt(p.retryAfter.Milliseconds(), 10))
		}
		ex.writeJSON(openAIError(p))
	case protocolAnthropic:
		resp.Header.Set("Request-Id", id)
		ex.writeJSON(anthropicError(p, id))
	case protocolGemini:
		ex.writeJSON(geminiError(p))
	default:
		resp.Header.Set("Cache-Control", "no-store")
		ex.writeJSON(plainError(p))
	}
}

// writeJSON sets a JSON body and leaves the status alone.
func (ex *exchange) writeJSON(v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: answer is not JSON: " + err.Error())
	}
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(body)
}

func plainError(p problem) any {
	if p.code == "" {
		p.code = "mock_error"
	}
	return map[string]any{"error": map[string]any{"status": p.status, "code": p.code, "message": p.message}}
}

func openAIError(p problem) any {
	if p.kind == "" {
		switch {
		case p.status == 429:
			p.kind, p.code = "requests", "rate_limit_exceeded"
		case p.status >= 500:
			p.kind = "server_error"
		default:
			p.kind = "invalid_request_error"
		}
	}
	return map[string]any{"error": map[string]any{
		"message": p.message, "type": p.kind, "param": orNull(p.param), "code": orNull(p.code),
	}}
}

func anthropicError(p problem, id string) any {
	kind := "invalid_request_error"
	switch p.status {
	case 401:
		kind = "authentication_error"
	case 403:
		kind = "permission_error"
	case 404:
		kind = "not_found_error"
	case 413:
		kind = "request_too_large"
	case 429:
		kind = "rate_limit_error"
	case 504:
		kind = "timeout_error"
	case 529:
		kind = "overloaded_error"
	default:
		if p.status >= 500 {
			kind = "api_error"
		}
	}
	message := p.message
	if p.param != "" {
		message = p.param + ": " + message
	}
	return map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}, "request_id": id}
}

func geminiError(p problem) any {
	status := "INVALID_ARGUMENT"
	switch p.status {
	case 401:
		status = "UNAUTHENTICATED"
	case 403:
		status = "PERMISSION_DENIED"
	case 404:
		status = "NOT_FOUND"
	case 429:
		status = "RESOURCE_EXHAUSTED"
	case 503, 529:
		status = "UNAVAILABLE"
	case 504:
		status = "DEADLINE_EXCEEDED"
	default:
		if p.status >= 500 {
			status = "INTERNAL"
		}
	}
	return map[string]any{"error": map[string]any{"code": p.status, "message": p.message, "status": status}}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// refuseUnread answers a request that could not be read. The reason is not repeated: it may quote the
// request, and that its keys.
func refuseUnread(ctx *fasthttp.RequestCtx, err error) {
	status, message := 400, "The request could not be read."
	switch {
	case isTooLarge(err):
		status, message = 413, "The request body is larger than this server takes."
	case isHeaderTooLarge(err):
		status, message = 431, "The request header is larger than this server takes."
	}
	ctx.Response.Reset()
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"error":{"status":` + strconv.Itoa(status) + `,"code":"unreadable_request","message":"` + message + `"}}`)
}

func isTooLarge(err error) bool { return errors.Is(err, fasthttp.ErrBodyTooLarge) }

func isHeaderTooLarge(err error) bool {
	var small *fasthttp.ErrSmallBuffer
	return errors.As(err, &small)
}
