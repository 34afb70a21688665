package mock

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// What exists in the marketing API: p1 to p100000, c1 to c500 and s1 to s200. Profile n is in segment
// n mod 200 (0 stands for s200).
const (
	profileCount  = 100000
	campaignCount = 500
	segmentCount  = 200
	pageSize      = 20
	maxPageSize   = 100
	memberCount   = 5000
	maxMembers    = 1_000_000
)

// marketingEpoch is the Last-Modified of what was never written.
func marketingEpoch() time.Time { return time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }

func marketingRoutes() []route {
	const read = "GET, HEAD"
	list := []route{
		{name: "/profiles", methods: read, serve: (*exchange).serveProfiles},
		{name: "/profiles/{id}", methods: "GET, HEAD, PUT, PATCH, POST, DELETE", serve: (*exchange).serveProfile},
		{name: "/campaigns", methods: read, serve: (*exchange).serveCampaigns},
		{name: "/campaigns/{id}", methods: read, serve: (*exchange).serveCampaign},
		{name: "/campaigns/{id}/events", methods: "POST", serve: (*exchange).serveEvents},
		{name: "/segments/{id}/members", methods: read, serve: (*exchange).serveMembers},
		{name: "/assets/{n}", methods: read, serve: (*exchange).serveAsset},
	}
	for i := range list {
		list[i].faulty = true
	}
	return list
}

func (ex *exchange) notFound(what string) {
	ex.refuse(problem{status: 404, code: "not_found", message: "There is no such " + what + "."})
}

// numbered reads the number of an id such as p42, and 0 when it is none.
func numbered(id, prefix string, most int) int {
	digits, ok := strings.CutPrefix(id, prefix)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > most || digits != strconv.Itoa(n) {
		return 0
	}
	return n
}

// queryInt reads a number of the query string and refuses one that is out of bounds.
func (ex *exchange) queryInt(name string, def, least, most int) (int, bool) {
	raw := ex.ctx.QueryArgs().Peek(name)
	if len(raw) == 0 {
		return def, true
	}
	n, err := parseInt(string(raw), least, most)
	if err != nil {
		ex.refuse(problem{status: 400, code: "invalid_parameter", message: "Query parameter " + name + ": " + err.Error() + "."})
		return 0, false
	}
	return n, true
}

// serveProfiles lists a page of all profiles, or of those in one segment, as they were before any write.
func (ex *exchange) serveProfiles() {
	first, step, total := 1, 1, profileCount
	if name := string(ex.ctx.QueryArgs().Peek("segment")); name != "" {
		seg := numbered(name, "s", segmentCount)
		if seg == 0 {
			ex.notFound("segment")
			return
		}
		first, step, total = seg, segmentCount, profileCount/segmentCount
	}
	page, ok := ex.queryInt("page", 1, 1, profileCount)
	if !ok {
		return
	}
	size, ok := ex.queryInt("page_size", pageSize, 1, maxPageSize)
	if !ok || !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	items := []any{}
	for i := (page - 1) * size; i < min(page*size, total); i++ {
		items = append(items, baseProfile(ex.srv.cfg.Seed, first+i*step))
	}
	ex.writeResource(map[string]any{"profiles": items, "page": page, "page_size": size, "total": total},
		resource{version: 1, modified: marketingEpoch(), cache: "public, max-age=30, stale-while-revalidate=60", vary: "Accept-Encoding"})
}

// campaignLanguages are what campaigns are written in, the default first.
func campaignLanguages() []string { return []string{"en", "de", "zh"} }

// language picks the first language of the request that there is.
func (ex *exchange) language() string {
	known := campaignLanguages()
	for part := range strings.SplitSeq(string(ex.ctx.Request.Header.Peek("Accept-Language")), ",") {
		tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), ";")
		tag, _, _ = strings.Cut(tag, "-")
		for _, l := range known {
			if l == tag {
				return l
			}
		}
	}
	return known[0]
}

func (ex *exchange) campaign(n int, lang string) map[string]any {
	h := mix(ex.srv.cfg.Seed ^ uint64(n)<<20)
	title := map[string]string{"en": "Campaign %d", "de": "Kampagne %d", "zh": "活动 %d"}[lang]
	return map[string]any{
		"id": "c" + strconv.Itoa(n), "title": fmt.Sprintf(title, n), "language": lang,
		"channel": []string{"email", "sms", "push", "web"}[h%4], "status": []string{"draft", "running", "paused", "ended"}[h>>8%4],
		"segment": "s" + strconv.Itoa(int(h>>16%segmentCount)+1), "budget_cents": int(h >> 24 % 1_000_000),
	}
}

func (ex *exchange) serveCampaigns() {
	page, ok := ex.queryInt("page", 1, 1, campaignCount)
	if !ok || !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	lang := ex.language()
	items := []any{}
	for n := (page-1)*pageSize + 1; n <= min(page*pageSize, campaignCount); n++ {
		items = append(items, ex.campaign(n, lang))
	}
	ex.ctx.Response.Header.Set("Content-Language", lang)
	ex.writeResource(map[string]any{"campaigns": items, "page": page, "page_size": pageSize, "total": campaignCount},
		resource{version: 1, modified: marketingEpoch(), cache: "public, max-age=60", vary: "Accept-Language"})
}

func (ex *exchange) serveCampaign() {
	n := numbered(ex.arg, "c", campaignCount)
	if n == 0 {
		ex.notFound("campaign")
		return
	}
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	lang := ex.language()
	ex.ctx.Response.Header.Set("Content-Language", lang)
	ex.writeResource(ex.campaign(n, lang),
		resource{version: 1, modified: marketingEpoch(), cache: "public, max-age=300, stale-if-error=600", vary: "Accept-Language"})
}

// serveEvents takes one event or a list of them, and keeps none.
func (ex *exchange) serveEvents() {
	if numbered(ex.arg, "c", campaignCount) == 0 {
		ex.notFound("campaign")
		return
	}
	body := ex.ctx.Request.Body()
	var list []map[string]any
	var one map[string]any
	switch {
	case json.Unmarshal(body, &list) == nil && list != nil:
	case json.Unmarshal(body, &one) == nil && one != nil:
		list = append(list, one)
	default:
		ex.refuse(problem{status: 400, code: "invalid_json", message: "The body must be a JSON object or an array of objects."})
		return
	}
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	ex.ctx.Response.Header.Set("Cache-Control", "no-store")
	ex.ctx.SetStatusCode(202)
	ex.writeJSON(map[string]any{"accepted": len(list), "id": ex.id("ev_")})
}

// serveMembers streams the members of a segment: ?count= sets how many.
func (ex *exchange) serveMembers() {
	seg := numbered(ex.arg, "s", segmentCount)
	if seg == 0 {
		ex.notFound("segment")
		return
	}
	count, ok := ex.queryInt("count", memberCount, 0, maxMembers)
	if !ok || !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	h := &ex.ctx.Response.Header
	h.SetContentType("application/json")
	h.Set("Cache-Control", ex.cacheControl("public, max-age=60"))
	h.Set("Vary", "Accept-Encoding")
	ex.ctx.Response.SetBodyStream(&memberReader{segment: seg, count: count}, -1)
}

// memberReader writes the members as they are read.
type memberReader struct {
	segment, count int
	next           int
	unread         []byte
	opened, ended  bool
}

// Read returns the next part of the list.
func (m *memberReader) Read(p []byte) (int, error) {
	if len(m.unread) == 0 {
		if m.ended {
			return 0, io.EOF
		}
		m.fill(len(p))
	}
	n := copy(p, m.unread)
	m.unread = m.unread[n:]
	return n, nil
}

func (m *memberReader) fill(size int) {
	b := m.unread[:0]
	if !m.opened {
		m.opened = true
		b = fmt.Appendf(b, `{"segment":"s%d","count":%d,"members":[`, m.segment, m.count)
	}
	for len(b) < size && m.next < m.count {
		if m.next > 0 {
			b = append(b, ',')
		}
		profile := (m.segment-1+m.next*segmentCount)%profileCount + 1
		b = append(b, `{"id":"p`...)
		b = strconv.AppendInt(b, int64(profile), 10)
		b = append(b, `","rank":`...)
		b = strconv.AppendInt(b, int64(m.next+1), 10)
		b = append(b, '}')
		m.next++
	}
	if m.next == m.count {
		m.ended = true
		b = append(b, `]}`...)
	}
	m.unread = b
}
