package mock

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// maxAsset bounds the size of an asset and of /x/plain.
const maxAsset = 1 << 30

// fillerReader reads the endless repetition of the filler from an offset on.
type fillerReader struct {
	filler []byte
	at     int
}

// Read fills p; the HTTP server stops at the announced length.
func (f *fillerReader) Read(p []byte) (int, error) {
	n := copy(p, f.filler[f.at%len(f.filler):])
	f.at += n
	return n, nil
}

// writeFiller answers with size bytes of filler from an offset on, without a copy where it can.
func (ex *exchange) writeFiller(from, size int) {
	resp := &ex.ctx.Response
	at := from % len(ex.srv.filler)
	if at+size <= len(ex.srv.filler) {
		resp.SetBodyRaw(ex.srv.filler[at : at+size])
		return
	}
	resp.SetBodyStream(io.LimitReader(&fillerReader{filler: ex.srv.filler, at: at}, int64(size)), size)
}

// serveAsset answers n bytes, or one range of them. Several ranges are answered with the whole, as RFC 9110
// allows.
func (ex *exchange) serveAsset() {
	size, err := strconv.Atoi(ex.arg)
	if err != nil || size < 0 || size > maxAsset {
		ex.notFound("asset")
		return
	}
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	etag := fmt.Sprintf(`"a%d-%x"`, size, ex.srv.cfg.Seed)
	h := &ex.ctx.Response.Header
	h.SetContentType("application/octet-stream")
	h.Set("Accept-Ranges", "bytes")
	ex.setValidators(etag, resource{modified: marketingEpoch(), cache: "public, max-age=86400, immutable"})
	if ex.notModified(etag, marketingEpoch()) {
		return
	}
	spec := ex.rangeFor(etag, marketingEpoch())
	from, to, ok := parseRange(spec, size)
	switch {
	case spec == "" || !ok:
		ex.writeFiller(0, size)
	case from > to:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		ex.refuse(problem{status: 416, code: "range_not_satisfiable", message: fmt.Sprintf("The asset has %d bytes.", size)})
	default:
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, size))
		ex.ctx.SetStatusCode(fasthttp.StatusPartialContent)
		ex.writeFiller(from, to-from+1)
	}
}

// rangeFor returns the Range of a GET, unless its If-Range names another version.
func (ex *exchange) rangeFor(etag string, modified time.Time) string {
	h := &ex.ctx.Request.Header
	if !ex.ctx.IsGet() {
		return ""
	}
	if cond := string(h.Peek("If-Range")); cond != "" && cond != etag && cond != httpDate(modified) {
		return ""
	}
	return string(h.Peek("Range"))
}

// parseRange reads a single byte range. ok is false for what is to be ignored: another unit, several
// ranges, bad syntax. A range that lies outside comes back with from above to.
func parseRange(spec string, size int) (from, to int, ok bool) {
	bounds, ok := strings.CutPrefix(spec, "bytes=")
	if !ok || strings.Contains(bounds, ",") {
		return 0, 0, false
	}
	first, last, ok := strings.Cut(strings.TrimSpace(bounds), "-")
	if !ok {
		return 0, 0, false
	}
	if first == "" { // the last so many bytes
		n, err := strconv.ParseUint(last, 10, 62)
		if err != nil {
			return 0, 0, false
		}
		if n == 0 || size == 0 {
			return 1, 0, true
		}
		return max(0, size-int(n)), size - 1, true
	}
	a, err := strconv.ParseUint(first, 10, 62)
	if err != nil {
		return 0, 0, false
	}
	b := uint64(size)
	if last != "" {
		if b, err = strconv.ParseUint(last, 10, 62); err != nil || b < a {
			return 0, 0, false
		}
	}
	if a >= uint64(size) {
		return 1, 0, true
	}
	return int(a), min(int(b), size-1), true
}
