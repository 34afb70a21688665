package mock

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"
)

// maxProfileBody bounds one written profile.
const maxProfileBody = 16 << 10

// profileStore keeps what was written over the profiles that exist by themselves. It is bounded: a write
// that would exceed the bound is refused, since a silently lost one would look like a bug of the caller.
type profileStore struct {
	most int

	mu      sync.Mutex
	written map[string]writtenProfile
}

// writtenProfile is the latest version of a profile. A deleted one stays as a mark.
type writtenProfile struct {
	fields   map[string]any
	version  int
	modified time.Time
	deleted  bool
}

func newProfileStore(most int) *profileStore {
	return &profileStore{most: most, written: map[string]writtenProfile{}}
}

func (s *profileStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.written)
}

// get returns a profile as it is now.
func (s *profileStore) get(seed uint64, id string) (writtenProfile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(seed, id)
}

func (s *profileStore) getLocked(seed uint64, id string) (writtenProfile, bool) {
	if w, ok := s.written[id]; ok {
		return w, !w.deleted
	}
	n := numbered(id, "p", profileCount)
	if n == 0 {
		return writtenProfile{}, false
	}
	return writtenProfile{fields: baseProfile(seed, n), version: 1, modified: marketingEpoch()}, true
}

// write puts a new version in place. patch keeps the fields that are not given, and a null removes one
// (RFC 7396, one level deep). full says that there is no room.
func (s *profileStore) write(seed uint64, id string, fields map[string]any, patch bool) (now writtenProfile, created, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, existed := s.getLocked(seed, id)
	if !s.roomLocked(id) {
		return writtenProfile{}, false, true
	}
	if patch {
		merged := maps.Clone(old.fields)
		if merged == nil {
			merged = map[string]any{}
		}
		for k, v := range fields {
			if v == nil {
				delete(merged, k)
			} else {
				merged[k] = v
			}
		}
		fields = merged
	}
	now = writtenProfile{fields: maps.Clone(fields), version: old.version + 1, modified: time.Now()}
	now.fields["id"], now.fields["version"] = id, now.version
	s.written[id] = now
	return now, !existed, false
}

// remove deletes a profile that exists.
func (s *profileStore) remove(seed uint64, id string) (existed, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.getLocked(seed, id)
	if !ok {
		return false, false
	}
	if !s.roomLocked(id) {
		return true, true
	}
	s.written[id] = writtenProfile{version: old.version + 1, modified: time.Now(), deleted: true}
	return true, false
}

func (s *profileStore) roomLocked(id string) bool {
	_, ok := s.written[id]
	return ok || len(s.written) < s.most
}

// baseProfile is a profile that nobody wrote.
func baseProfile(seed uint64, n int) map[string]any {
	h := mix(seed ^ uint64(n))
	seg := n % segmentCount
	if seg == 0 {
		seg = segmentCount
	}
	id := "p" + strconv.Itoa(n)
	return map[string]any{
		"id": id, "version": 1, "name": "Customer " + strconv.Itoa(n), "email": id + "@example.com",
		"tier": []string{"vip", "gold", "standard", "standard"}[h%4], "locale": []string{"en-GB", "de-DE", "zh-CN"}[h>>8%3],
		"score": int(h >> 16 % 1000), "segment": "s" + strconv.Itoa(seg), "consent": h>>32%5 != 0,
	}
}

func (ex *exchange) serveProfile() {
	if !isModelName(ex.arg) {
		ex.notFound("profile")
		return
	}
	switch string(ex.ctx.Method()) {
	case "GET", "HEAD":
		ex.readProfile()
	case "DELETE":
		ex.deleteProfile()
	default:
		ex.writeProfile()
	}
}

func (ex *exchange) readProfile() {
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	p, ok := ex.srv.profiles.get(ex.srv.cfg.Seed, ex.arg)
	if !ok {
		ex.notFound("profile")
		return
	}
	ex.writeResource(p.fields, p.resource())
}

func (p writtenProfile) resource() resource {
	return resource{
		version: p.version, modified: p.modified, vary: "Accept-Encoding",
		cache: "public, max-age=30, stale-while-revalidate=60, stale-if-error=300",
	}
}

func (ex *exchange) writeProfile() {
	body := ex.ctx.Request.Body()
	if len(body) > maxProfileBody {
		ex.refuse(problem{status: 413, code: "too_large", message: fmt.Sprintf("A profile has at most %d bytes.", maxProfileBody)})
		return
	}
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		ex.refuse(problem{status: 400, code: "invalid_json", message: "The body must be a JSON object."})
		return
	}
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	patch := string(ex.ctx.Method()) == "PATCH"
	if _, exists := ex.srv.profiles.get(ex.srv.cfg.Seed, ex.arg); patch && !exists {
		ex.notFound("profile")
		return
	}
	now, created, full := ex.srv.profiles.write(ex.srv.cfg.Seed, ex.arg, fields, patch)
	if full {
		ex.refuseFull()
		return
	}
	body, err := json.Marshal(now.fields)
	if err != nil {
		panic("BUG: profile is not JSON: " + err.Error())
	}
	if created {
		ex.ctx.SetStatusCode(201)
	}
	h := &ex.ctx.Response.Header
	h.SetContentType("application/json")
	h.Set("ETag", fmt.Sprintf(`"v%d-%016x"`, now.version, hashText(string(body))))
	h.Set("Cache-Control", "no-store")
	ex.ctx.Response.SetBodyRaw(body)
}

func (ex *exchange) deleteProfile() {
	if !ex.think(ex.srv.cfg.Latency, 0) {
		return
	}
	switch existed, full := ex.srv.profiles.remove(ex.srv.cfg.Seed, ex.arg); {
	case full:
		ex.refuseFull()
	case !existed:
		ex.notFound("profile")
	default:
		ex.ctx.SetStatusCode(204)
	}
}

func (ex *exchange) refuseFull() {
	ex.refuse(problem{
		status: 507, code: "storage_full",
		message: fmt.Sprintf("The mock holds max-profiles=%d written profiles. Reset it, or raise the limit.", ex.srv.profiles.most),
	})
}
