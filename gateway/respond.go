package gateway

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/routing"
)

// fail answers with an error of Weir's own making. It returns false, so that a
// stage can end with it.
func (x *exchange) fail(f *failure) bool {
	x.failure = f
	x.status = f.status
	if f.close {
		x.close = true
	}
	if !x.body.ended && !x.unreadable {
		// What the client still sends would be taken for the next request.
		x.close = true
		x.unread = 1
	}
	if f.status == statusClientGone {
		x.close = true
		return false
	}
	x.headSent = true
	out := x.c.output()
	out.Skip(out.Len())
	body := x.appendErrorBody(nil, f)
	dst := x.appendErrorHead(out.Tail(), f, len(body))
	if !x.head {
		dst = append(dst, body...)
	}
	out.SetTail(dst)
	if err := x.c.flush(time.Now()); err != nil {
		x.close = true
	}
	return false
}

func (x *exchange) appendErrorHead(dst []byte, f *failure, length int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(f.status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason(f.status)...)
	dst = append(dst, "\r\nDate: "...)
	dst = time.Now().UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
	dst = append(dst, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	dst = append(dst, "\r\n"...)
	if f.status == 401 {
		dst = append(dst, "WWW-Authenticate: Bearer\r\n"...)
	}
	if f.retryAfter > 0 {
		// Rounded up: nobody should be told to come back too early.
		s := int64((f.retryAfter + time.Second - 1) / time.Second)
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, s, 10)
		dst = append(dst, "\r\n"...)
	}
	if f.position > 0 && (x.route == nil || x.route.expose) {
		dst = append(dst, "X-Weir-Queue-Position: "...)
		dst = strconv.AppendInt(dst, int64(f.position), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = x.appendOwnFields(dst)
	return x.appendConnection(dst)
}

// appendErrorBody writes the error in the shape that the clients of the
// upstream's protocol parse.
func (x *exchange) appendErrorBody(dst []byte, f *failure) []byte {
	switch x.protocol() {
	case "anthropic":
		dst = append(dst, `{"type":"error","error":{"type":`...)
		dst = appendJSONString(dst, f.kind)
		dst = append(dst, `,"message":`...)
		dst = appendJSONString(dst, f.message)
		dst = append(dst, `,"code":`...)
		dst = appendJSONString(dst, f.code)
		dst = append(dst, '}')
	case "gemini":
		dst = append(dst, `{"error":{"code":`...)
		dst = strconv.AppendInt(dst, int64(f.status), 10)
		dst = append(dst, `,"message":`...)
		dst = appendJSONString(dst, f.message)
		dst = append(dst, `,"status":`...)
		dst = appendJSONString(dst, geminiStatus(f.status))
		dst = append(dst, `,"reason":`...)
		dst = appendJSONString(dst, f.code)
		dst = append(dst, '}')
	default:
		dst = append(dst, `{"error":{"message":`...)
		dst = appendJSONString(dst, f.message)
		dst = append(dst, `,"type":`...)
		dst = appendJSONString(dst, f.kind)
		dst = append(dst, `,"code":`...)
		dst = appendJSONString(dst, f.code)
		dst = append(dst, `,"param":null,"request_id":"`...)
		dst = append(dst, x.id()...)
		return append(dst, "\"}}\n"...)
	}
	dst = append(dst, `,"request_id":"`...)
	dst = append(dst, x.id()...)
	return append(dst, "\"}\n"...)
}

// protocol is that of the upstream that the request is for, also when it failed
// before it was routed.
func (x *exchange) protocol() string {
	if x.backend != nil {
		return x.backend.cfg.Protocol
	}
	if r := &x.c.req; !x.unreadable {
		if i, verdict := x.snap.routes.Match(r.Method(), r.Host(), r.Path()); verdict == routing.Matched {
			return x.snap.route[i].backend.cfg.Protocol
		}
	}
	return ""
}

// geminiStatus is the canonical code that Google's clients expect with a status.
func geminiStatus(status int) string {
	switch status {
	case 401:
		return "UNAUTHENTICATED"
	case 403:
		return "PERMISSION_DENIED"
	case 404:
		return "NOT_FOUND"
	case 429:
		return "RESOURCE_EXHAUSTED"
	case 500:
		return "INTERNAL"
	case 502, 503:
		return "UNAVAILABLE"
	case 408, 504:
		return "DEADLINE_EXCEEDED"
	}
	return "INVALID_ARGUMENT"
}

// appendJSONString appends s as a JSON string. Messages are Weir's own text with
// at most a class name in it.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, ' ')
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// reason is the phrase of a status that Weir sends itself.
func reason(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 417:
		return "Expectation Failed"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Internal Server Error"
}

// appendMillis appends d in milliseconds with that many decimals, rounded down.
func appendMillis(dst []byte, d time.Duration, decimals int) []byte {
	if d < 0 {
		d = 0
	}
	dst = strconv.AppendInt(dst, int64(d/time.Millisecond), 10)
	if decimals == 0 {
		return dst
	}
	us := int64(d % time.Millisecond / time.Microsecond)
	return append(dst, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
}

// cutFailure is the failure of an answer that broke off after its head was sent;
// it is logged, not sent.
func cutFailure(err error) *failure {
	f := *failUpstreamBroken
	f.code = "upstream_cut"
	if isTimeout(err) {
		f = *failUpstreamSlow
		f.code = "upstream_stalled"
	}
	var p *http1.ParseError
	if asParse(err, &p) {
		f.message = p.Msg
	}
	return &f
}
