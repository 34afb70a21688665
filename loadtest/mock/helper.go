package mock

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// Bounds of the helpers under /x/.
const (
	maxSlowEvents = 100000
	maxBigHeader  = 1 << 20
)

func helperRoutes() []route {
	return []route{
		{name: "/x/plain", methods: "GET, HEAD, POST", serve: (*exchange).servePlain},
		{name: "/x/echo", serve: (*exchange).serveEcho},
		{name: "/x/status/{code}", serve: (*exchange).serveStatus},
		{name: "/x/early-hints", serve: (*exchange).serveEarlyHints},
		{name: "/x/continue", methods: "POST, PUT, PATCH", serve: (*exchange).serveEcho},
		{name: "/x/trailers", serve: (*exchange).serveTrailers},
		{name: "/x/ws", methods: "GET", serve: (*exchange).serveWebSocket},
		{name: "/x/upgrade", methods: "GET", serve: (*exchange).serveUpgrade},
		{name: "/x/slow", serve: (*exchange).serveSlow},
		{name: "/x/close-early", serve: (*exchange).serveCloseEarly},
		{name: "/x/garbage", serve: func(ex *exchange) { ex.failAs(faultGarbage) }},
		{name: "/x/hang", serve: func(ex *exchange) { ex.failAs(faultHang) }},
		{name: "/x/repeat-headers", serve: (*exchange).serveRepeatHeaders},
		{name: "/x/no-length", serve: (*exchange).serveNoLength},
		{name: "/x/big-headers", serve: (*exchange).serveBigHeaders},
		{name: "/x/gzip", serve: (*exchange).serveGzip},
	}
}

// servePlain answers ?size= bytes of text with as little work as there can be.
func (ex *exchange) servePlain() {
	size, ok := 1024, true
	if len(ex.ctx.URI().QueryString()) > 0 {
		size, ok = ex.queryInt("size", size, 0, maxAsset)
	}
	if ok && ex.think(Dist{}, 0) {
		ex.ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
		if ex.order.cacheControl != "" {
			ex.ctx.Response.Header.Set("Cache-Control", ex.order.cacheControl)
		}
		ex.writeFiller(0, size)
	}
}

func (ex *exchange) serveStatus() {
	code, err := parseInt(ex.arg, 200, maxStatus-1)
	if err != nil {
		ex.refuse(problem{status: 400, code: "invalid_parameter", message: "Status " + err.Error() + "."})
		return
	}
	if !ex.think(Dist{}, 0) {
		return
	}
	resp := &ex.ctx.Response
	resp.SetStatusCode(code)
	switch code {
	case 204, 304:
		return
	case 301, 302, 303, 307, 308:
		resp.Header.Set("Location", "/x/plain")
	case 401:
		resp.Header.Set("WWW-Authenticate", `Bearer realm="mock"`)
	case 429, 503:
		resp.Header.Set("Retry-After", "1")
	}
	ex.writeJSON(map[string]int{"status": code})
}

func (ex *exchange) serveEarlyHints() {
	h := &ex.ctx.Response.Header
	h.Add("Link", "</style.css>; rel=preload; as=style")
	if err := ex.ctx.EarlyHints(); err != nil {
		ex.abandon("waiting")
		return
	}
	if ex.think(Dist{}, 0) {
		ex.writeJSON(map[string]string{"hinted": "/style.css"})
	}
}

// expect decides on Expect: 100-continue, before the body is read. /x/continue?reject=413 refuses it.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if string(ctx.Path()) == "/x/continue" {
		if code, err := parseInt(string(ctx.QueryArgs().Peek("reject")), 400, maxStatus-1); err == nil {
			return code
		}
	}
	return fasthttp.StatusContinue
}

func (ex *exchange) serveTrailers() {
	if !ex.think(Dist{}, 0) {
		return
	}
	h := &ex.ctx.Response.Header
	h.SetContentType("text/plain; charset=utf-8")
	body := "a body with trailers\n"
	if err := h.SetTrailer("X-Checksum, X-Done"); err != nil {
		panic("BUG: trailer names: " + err.Error())
	}
	h.Set("X-Checksum", strconv.FormatUint(hashText(body), 16))
	h.Set("X-Done", "yes")
	ex.ctx.Response.SetBodyStream(strings.NewReader(body), -1)
}

// serveSlow streams ?n= lines, the first after ?first= and the others ?gap= apart.
func (ex *exchange) serveSlow() {
	args := ex.ctx.QueryArgs()
	n, ok := ex.queryInt("n", 10, 0, maxSlowEvents)
	if !ok {
		return
	}
	var first Dist
	for _, p := range []struct {
		name string
		into *Dist
		has  *bool
	}{{"first", &first, new(bool)}, {"gap", &ex.order.gap, &ex.order.hasGap}} {
		raw := string(args.Peek(p.name))
		if raw == "" {
			continue
		}
		d, err := parseDuration(raw)
		if err != nil {
			ex.refuse(problem{status: 400, code: "invalid_parameter", message: "Query parameter " + p.name + ": " + err.Error() + "."})
			return
		}
		*p.into, *p.has = d, true
	}
	if ex.think(first, 0) {
		ex.stream(&lineScript{}, n, "text/plain; charset=utf-8")
	}
}

// lineScript writes numbered lines.
type lineScript struct{ said int }

func (s *lineScript) head(b []byte) []byte { return b }

func (s *lineScript) token(b []byte) []byte {
	s.said++
	return append(strconv.AppendInt(append(b, "line "...), int64(s.said), 10), '\n')
}

func (s *lineScript) tail(b []byte) []byte { return b }

// failAs makes an endpoint of a fault.
func (ex *exchange) failAs(f fault) {
	if ex.fault == faultNone {
		ex.fault = f
	}
	ex.think(Dist{}, 0)
}

// serveCloseEarly announces ?size= bytes and sends half of them.
func (ex *exchange) serveCloseEarly() {
	size, ok := ex.queryInt("size", 1024, 2, fillerSize)
	if ok && ex.think(Dist{}, 0) {
		ex.faulted = true
		ex.rawAnswer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", size, ex.srv.filler[:size/2]), true)
	}
}

// rawAnswer sends an answer that the HTTP server could not write itself. The connection closes after it
// unless the answer is whole and framed.
func (ex *exchange) rawAnswer(text string, closes bool) {
	if ex.conn == nil {
		ex.refuse(problem{status: 501, code: "no_connection", message: "This endpoint needs a connection of its own."})
		return
	}
	if closes {
		ex.sendRaw([]byte(text))
		return
	}
	if err := ex.conn.raw([]byte(text)); err != nil {
		ex.abandon("waiting")
	}
}

// serveRepeatHeaders answers with header fields whose order, case and repetition are to be kept.
func (ex *exchange) serveRepeatHeaders() {
	if ex.think(Dist{}, 0) {
		ex.rawAnswer("HTTP/1.1 200 OK\r\nDate: "+httpDate(ex.started)+"\r\nX-First: 1\r\nSet-Cookie: a=1; Path=/\r\nx-MiXeD-CaSe: yes\r\n"+
			"Set-Cookie: b=2; Path=/; HttpOnly\r\nX-List: one\r\nX-List: two\r\nSet-Cookie: a=3; Path=/x\r\nWWW-Authenticate: Basic realm=\"a\"\r\n"+
			"WWW-Authenticate: Bearer\r\nX-Empty:\r\nX-Last: 9\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n", false)
	}
}

// serveNoLength answers with a body that ends with the connection.
func (ex *exchange) serveNoLength() {
	size, ok := ex.queryInt("size", 1024, 0, fillerSize)
	if ok && ex.think(Dist{}, 0) {
		ex.rawAnswer("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"+string(ex.srv.filler[:size]), true)
		ex.finish(200)
	}
}

// serveBigHeaders answers with ?size= bytes of header fields, 1 KiB each.
func (ex *exchange) serveBigHeaders() {
	size, ok := ex.queryInt("size", 8192, 1, maxBigHeader)
	if !ok || !ex.think(Dist{}, 0) {
		return
	}
	for i := 0; size > 0; i++ {
		n := min(size, 1024)
		ex.ctx.Response.Header.Set("X-Big-"+strconv.Itoa(i), string(ex.srv.filler[:n]))
		size -= n
	}
	ex.writeJSON(map[string]bool{"big": true})
}

// serveGzip compresses ?size= bytes when the client takes gzip.
func (ex *exchange) serveGzip() {
	size, ok := ex.queryInt("size", 4096, 0, fillerSize)
	if !ok || !ex.think(Dist{}, 0) {
		return
	}
	h := &ex.ctx.Response.Header
	h.SetContentType("text/plain; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	if !ex.ctx.Request.Header.HasAcceptEncoding("gzip") {
		ex.ctx.Response.SetBodyRaw(ex.srv.filler[:size])
		return
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.Copy(z, bytes.NewReader(ex.srv.filler[:size]))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("BUG: compressing into memory: " + err.Error())
	}
	h.Set("Content-Encoding", "gzip")
	ex.ctx.Response.SetBodyRaw(b.Bytes())
}
