package mock_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestProfilesAreReadAndWritten(t *testing.T) {
	u := start(t, mock.Config{MaxProfiles: 2})
	r := u.send("GET", "/profiles/p42", "")
	require.Equal(t, 200, r.StatusCode)
	for _, h := range []string{"Etag", "Last-Modified", "Cache-Control", "Vary", "Date"} {
		assert.NotEmpty(t, r.Header.Get(h), h)
	}
	assert.Equal(t, r.body, u.send("GET", "/profiles/p42", "").body)
	assert.Equal(t, "s42", r.json(t)["segment"])
	assert.Equal(t, 304, u.send("GET", "/profiles/p42", "", "If-None-Match", `"x", W/`+r.Header.Get("Etag")).StatusCode)
	assert.Equal(t, 304, u.send("GET", "/profiles/p42", "", "If-Modified-Since", r.Header.Get("Last-Modified")).StatusCode)
	assert.Equal(t, 200, u.send("GET", "/profiles/p42", "", "If-None-Match", `"x"`, "If-Modified-Since", r.Header.Get("Last-Modified")).StatusCode)
	head := u.send("HEAD", "/profiles/p42", "")
	assert.Equal(t, r.ContentLength, head.ContentLength)
	assert.Empty(t, head.body)

	w := u.send("PATCH", "/profiles/p42", `{"tier":"vip","email":null}`)
	require.Equal(t, 200, w.StatusCode, w.body)
	m := u.send("GET", "/profiles/p42", "").json(t)
	assert.Equal(t, 2., m["version"])
	assert.Equal(t, "vip", m["tier"])
	assert.NotContains(t, m, "email")
	assert.Contains(t, m, "name")
	after := u.send("GET", "/profiles/p42", "")
	assert.NotEqual(t, r.Header.Get("Etag"), after.Header.Get("Etag"))
	assert.Equal(t, w.Header.Get("Etag"), after.Header.Get("Etag"))

	assert.Equal(t, 404, u.send("GET", "/profiles/new", "").StatusCode)
	assert.Equal(t, 404, u.send("PATCH", "/profiles/new", `{}`).StatusCode)
	assert.Equal(t, 400, u.send("PUT", "/profiles/new", `[]`).StatusCode)
	assert.Equal(t, 201, u.send("PUT", "/profiles/new", `{"a":1}`).StatusCode)
	full := u.send("PUT", "/profiles/one-more", `{}`)
	assert.Equal(t, 507, full.StatusCode)
	assert.Equal(t, "storage_full", dig(full.json(t), "error", "code"))
	assert.Equal(t, 204, u.send("DELETE", "/profiles/new", "").StatusCode)
	assert.Equal(t, 404, u.send("DELETE", "/profiles/new", "").StatusCode)
	u.Reset()
	assert.Equal(t, r.body, u.send("GET", "/profiles/p42", "").body)
}

func TestMarketingLists(t *testing.T) {
	u := start(t, mock.Config{})
	m := u.send("GET", "/profiles?segment=s7&page=2", "").json(t)
	assert.Len(t, m["profiles"], 20)
	assert.Equal(t, "s7", dig(m, "profiles", 0, "segment"))
	assert.Equal(t, 500., m["total"])
	assert.Empty(t, u.send("GET", "/profiles?segment=s7&page=99", "").json(t)["profiles"])
	assert.Len(t, u.send("GET", "/campaigns", "").json(t)["campaigns"], 20)
	de := u.send("GET", "/campaigns/c3", "", "Accept-Language", "fr, de-CH;q=0.8")
	assert.Equal(t, "Kampagne 3", de.json(t)["title"])
	assert.Equal(t, "de", de.Header.Get("Content-Language"))
	assert.Equal(t, "Accept-Language", de.Header.Get("Vary"))
	assert.Equal(t, "no-store", u.send("GET", "/campaigns/c3", "", "X-Mock-Cache-Control", "no-store").Header.Get("Cache-Control"))

	r := u.send("GET", "/segments/s7/members?count=3000", "")
	assert.Equal(t, []string{"chunked"}, r.TransferEncoding)
	assert.Len(t, r.json(t)["members"], 3000)
	assert.Empty(t, u.send("GET", "/segments/s7/members?count=0", "").json(t)["members"])

	assert.Equal(t, 2., u.send("POST", "/campaigns/c3/events", `[{"a":1},{"a":2}]`).json(t)["accepted"])
	assert.Equal(t, 400, u.send("POST", "/campaigns/c3/events", `7`).StatusCode)
	for path, status := range map[string]int{
		"/profiles?page=0": 400, "/profiles?segment=x": 404, "/campaigns/c0": 404, "/campaigns/c01": 404,
		"/segments/s201/members": 404, "/profiles/p100001": 404, "/nothing": 404, "/assets/-1": 404, "/profiles/a/b": 404,
	} {
		r := u.send("GET", path, "")
		assert.Equal(t, status, r.StatusCode, path)
		assert.EqualValues(t, status, dig(r.json(t), "error", "status"), path)
	}
}

func TestAssetRanges(t *testing.T) {
	u := start(t, mock.Config{})
	whole := u.send("GET", "/assets/3000000", "")
	require.Len(t, whole.body, 3000000)
	etag, modified := whole.Header.Get("Etag"), whole.Header.Get("Last-Modified")
	f := func(status int, from, to int, headers ...string) {
		t.Helper()
		r := u.send("GET", "/assets/3000000", "", headers...)
		require.Equal(t, status, r.StatusCode)
		if status < 300 {
			assert.Equal(t, whole.body[from:to], r.body, "wrong bytes")
		}
	}
	f(206, 0, 1, "Range", "bytes=0-0")
	f(206, 1048570, 1048580, "Range", "bytes=1048570-1048579")
	f(206, 2999990, 3000000, "Range", "bytes=-10")
	f(206, 2999990, 3000000, "Range", "bytes=2999990-")
	f(206, 10, 3000000, "Range", "bytes=10-99999999")
	f(206, 0, 5, "Range", "bytes=0-4", "If-Range", etag)
	f(206, 0, 5, "Range", "bytes=0-4", "If-Range", modified)
	f(200, 0, 3000000, "Range", "bytes=0-4", "If-Range", `"other"`)
	f(200, 0, 3000000, "Range", "bytes=0-4,6-7")
	f(200, 0, 3000000, "Range", "bytes=5-4")
	f(200, 0, 3000000, "Range", "lines=1-2")
	f(416, 0, 0, "Range", "bytes=3000000-")
	f(416, 0, 0, "Range", "bytes=-0")
	f(304, 0, 0, "If-None-Match", etag)
	r := u.send("GET", "/assets/3000000", "", "Range", "bytes=5-9")
	assert.Equal(t, "bytes 5-9/3000000", r.Header.Get("Content-Range"))
	assert.Equal(t, "bytes */3000000", u.send("GET", "/assets/3000000", "", "Range", "bytes=3000000-").Header.Get("Content-Range"))
	assert.EqualValues(t, 3000000, u.send("HEAD", "/assets/3000000", "").ContentLength)
	assert.Empty(t, u.send("GET", "/assets/0", "").body)
}
