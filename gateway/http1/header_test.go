package http1_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/weir-gateway/weir/gateway/http1"
)

func TestFieldIDOf(t *testing.T) {
	for name, id := range map[string]http1.FieldID{
		"te": http1.TE, "Age": http1.Age, "HOST": http1.Host, "ETag": http1.ETag, "range": http1.Range,
		"Via": http1.Via, "Date": http1.Date, "Vary": http1.Vary, "Accept": http1.Accept, "Cookie": http1.Cookie,
		"Expect": http1.Expect, "Server": http1.Server, "Upgrade": http1.Upgrade, "Trailer": http1.Trailer,
		"api-key": http1.APIKey, "X-API-Key": http1.XAPIKey, "Forwarded": http1.Forwarded, "X-Real-IP": http1.XRealIP,
		"Connection": http1.Connection, "User-Agent": http1.UserAgent, "Set-Cookie": http1.SetCookie,
		"Keep-Alive": http1.KeepAlive, "Retry-After": http1.RetryAfter, "Content-Type": http1.ContentType,
		"X-Request-ID": http1.XRequestID, "Authorization": http1.Authorization, "Cache-Control": http1.CacheControl,
		"Server-Timing": http1.ServerTiming, "Content-Length": http1.ContentLength, "retry-after-ms": http1.RetryAfterMS,
		"x-goog-api-key": http1.XGoogAPIKey, "X-Forwarded-For": http1.XForwardedFor, "Idempotency-Key": http1.IdempotencyKey,
		"Content-Encoding": http1.ContentEncoding, "Proxy-Connection": http1.ProxyConnection,
		"X-Forwarded-Host": http1.XForwardedHost, "Transfer-Encoding": http1.TransferEncoding,
		"X-Forwarded-Proto": http1.XForwardedProto, "Proxy-Authenticate": http1.ProxyAuthenticate,
		"Proxy-Authorization": http1.ProxyAuthorization,
		"X-Weir-User":         http1.XWeirUser, "X-Weir-Mode": http1.XWeirMode, "X-Weir-Tier": http1.XWeirTier,
		"X-Weir-Tenant": http1.XWeirTenant, "X-Weir-Timeout": http1.XWeirTimeout,
		"X-Weir-Campaign": http1.XWeirCampaign, "X-Weir-Business": http1.XWeirBusiness,
		"X-Weir-Anything-At-All-However-Long": http1.XWeirOther, "x-weir-a": http1.XWeirOther,
		"X-Forwarded-Port": http1.XForwardedOther, "X-Forwarded-Something-Very-Long": http1.XForwardedOther,
		"": http1.Other, "x": http1.Other, "Hosts": http1.Other, "hos": http1.Other, "X-Weir": http1.Other, "X-Weir-": http1.Other,
		"X-Weird-User": http1.Other, "Content_Length": http1.Other, "Content-Length-": http1.Other,
		"\x74\x45": http1.TE, "@GE": http1.Other, "T\x05": http1.Other,
	} {
		assert.Equal(t, id, http1.FieldIDOf([]byte(name)), "%q", name)
	}
}

// What is not touched leaves byte for byte: case, order, repetitions, spacing.
func TestAppendFieldsKeepsBytes(t *testing.T) {
	const in = "eTaG: \"x\"\r\nWWW-Authenticate:  Basic \t\r\nSet-Cookie: a=1\r\nX-A:\r\nset-cookie:b=2\r\nSet-Cookie: a=3\r\nx-utf: \xc3\xa4\r\n"
	h := header(t, in)
	assert.Equal(t, in, string(h.AppendFields(nil)))
	assert.Equal(t, "PREFIX"+in, string(h.AppendFields([]byte("PREFIX"))))
}

func TestAppendFieldsLeavesDroppedOut(t *testing.T) {
	const in = "A: 1\r\nHost: h\r\nB: 2\r\nB: 3\r\nCookie: c\r\nD: 4\r\n"
	for _, tt := range []struct {
		name string
		drop func(*http1.Header)
		want string
	}{
		{"first", func(h *http1.Header) { h.DropAt(0) }, "Host: h\r\nB: 2\r\nB: 3\r\nCookie: c\r\nD: 4\r\n"},
		{"last", func(h *http1.Header) { h.DropAt(5) }, "A: 1\r\nHost: h\r\nB: 2\r\nB: 3\r\nCookie: c\r\n"},
		{"by id", func(h *http1.Header) { h.Drop(http1.Host); h.Drop(http1.Cookie) }, "A: 1\r\nB: 2\r\nB: 3\r\nD: 4\r\n"},
		{"by name, in any case", func(h *http1.Header) { h.DropNamed([]byte("b")) }, "A: 1\r\nHost: h\r\nCookie: c\r\nD: 4\r\n"},
		{"neighbours", func(h *http1.Header) { h.DropAt(2); h.DropAt(3) }, "A: 1\r\nHost: h\r\nCookie: c\r\nD: 4\r\n"},
		{"all", func(h *http1.Header) {
			for i := range h.Len() {
				h.DropAt(i)
			}
		}, ""},
		{"none that is there", func(h *http1.Header) { h.Drop(http1.TE); h.DropNamed([]byte("a2")) }, in},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := header(t, in)
			tt.drop(h)
			assert.Equal(t, tt.want, string(h.AppendFields(nil)))
		})
	}
}

func TestHeaderLookUp(t *testing.T) {
	h := header(t, "Accept: a\r\nX-One: 1\r\naccept: b\r\nACCEPT: c\r\n")
	assert.Equal(t, 4, h.Len())
	assert.Equal(t, "a", string(h.Get(http1.Accept)))
	assert.Equal(t, 2, h.FindFrom(http1.Accept, 1))
	assert.Equal(t, -1, h.FindFrom(http1.Accept, 4))
	assert.Equal(t, -1, h.Find(http1.Host))
	assert.Nil(t, h.Get(http1.Host))
	assert.Equal(t, "1", string(h.Lookup("x-one")))
	assert.Nil(t, h.Lookup("x-two"))

	h.DropAt(0)
	assert.Equal(t, "b", string(h.Get(http1.Accept)), "the first one left")
	assert.Equal(t, 2, h.Drop(http1.Accept), "those left")
	assert.Zero(t, h.Drop(http1.Accept))
	assert.Equal(t, -1, h.Find(http1.Accept))
	assert.True(t, h.Has(http1.Accept), "it did arrive")
	h.DropNamed([]byte("X-ONE"))
	assert.Nil(t, h.Lookup("x-one"))
}

// A value cannot be extended into its neighbour.
func TestHeaderSlicesAreClipped(t *testing.T) {
	h := header(t, "A: 1\r\nB: 2\r\n")
	_ = append(h.Value(0), "OVERWRITTEN"...)
	_ = append(h.Name(0), "OVERWRITTEN"...)
	assert.Equal(t, "A: 1\r\nB: 2\r\n", string(h.AppendFields(nil)))
}

func TestDropHopByHop(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{
			"all of them",
			"Connection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authenticate: x\r\nProxy-Authorization: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nA: 1\r\n",
			"A: 1\r\n",
		},
		{"repeated", "connection: a\r\nA: 1\r\nTE: x\r\nConnection: b\r\nB: 2\r\nte: y\r\nC: 3\r\n", "C: 3\r\n"},
		{"nominated", "Connection: close, X-Secret ,\tx-other\r\nx-secret: 1\r\nX-OTHER: 2\r\nX-Secret: 3\r\nX-Kept: 4\r\n", "X-Kept: 4\r\n"},
		{"nominated before it comes", "X-Secret: 1\r\nConnection: x-secret\r\n", ""},
		{"known fields nominated", "Cookie: c\r\nConnection: Cookie, X-Forwarded-For\r\nX-Forwarded-For: 1\r\n", ""},
		{"framing and Host cannot be nominated", "Host: a\r\nConnection: content-length, host\r\nContent-Length: 2\r\n", "Host: a\r\nContent-Length: 2\r\n"},
		{"a field named close stays", "Connection: close\r\nClose: 1\r\n", "Close: 1\r\n"},
		{"empty elements", "Connection: ,, ,x,\r\nX: 1\r\nY: 2\r\n", "Y: 2\r\n"},
		{"empty", "Connection:\r\nY: 2\r\n", "Y: 2\r\n"},
		{"Connection nominates itself", "Connection: connection, x\r\nConnection: y\r\nX: 1\r\nY: 2\r\nZ: 3\r\n", "Z: 3\r\n"},
		{"nothing to do", "A: 1\r\nTrailer: x\r\n", "A: 1\r\nTrailer: x\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := "HTTP/1.1 204 No Content\r\n" // no framing rules
			h := &parseResponse(t, start+tt.in+"\r\n").Header
			h.DropHopByHop()
			assert.Equal(t, tt.want, string(h.AppendFields(nil)))
		})
	}
}

func TestDropAliases(t *testing.T) {
	in := []string{
		"X_Forwarded_For: 1", "x-forwarded_for: 1", "X_Weir_Tenant: 1", "X-Weir_Anything_Else_At_All: 1",
		"Content_Length: 1", "transfer_encoding: 1", "X_Api_Key: 1", "X.Forwarded.For: 1", "X-Real~IP: 1",
		"X_Forwarded_Quite_Something: 1", "HOST: a", "X-Forwarded-For: 2", "my_header: 1", "_: 1", "x_weir_: 1", "__Host: 1",
	}
	h := header(t, strings.Join(in, "\r\n")+"\r\n")
	assert.Equal(t, 10, h.DropAliases())
	assert.Equal(t, in[10:], lines(h))
	assert.Zero(t, h.DropAliases(), "a second time")
}

func TestNextToken(t *testing.T) {
	for list, want := range map[string][]string{
		"":               nil,
		"a":              {"a"},
		" a\t":           {"a"},
		"a,b":            {"a", "b"},
		" a , ,b\t,":     {"a", "", "b"},
		",":              {""},
		"close,X-Secret": {"close", "X-Secret"},
	} {
		var got []string
		for rest := []byte(list); len(rest) > 0; {
			var token []byte
			token, rest = http1.NextToken(rest)
			got = append(got, string(token))
		}
		assert.Equal(t, want, got, "%q", list)
	}
	assert.True(t, http1.HasToken([]byte("a, CLOSE"), "close"))
	assert.False(t, http1.HasToken([]byte("a, closed"), "close"))
	assert.False(t, http1.HasToken([]byte("a close"), "close"))
	assert.False(t, http1.HasToken(nil, "close"))
}

func TestEqualFold(t *testing.T) {
	assert.True(t, http1.EqualFold([]byte("ChUnKeD"), "chunked"))
	assert.False(t, http1.EqualFold([]byte("chunke\xe4"), "chunked"))
	assert.False(t, http1.EqualFold([]byte("\x0b"), "+"), "only letters have a case")
	assert.False(t, http1.EqualFold([]byte("[`"), "{@"))
	// The Kelvin sign folds to k in Unicode, not in HTTP.
	assert.False(t, http1.EqualFold([]byte("chun\u212aed"), "chunked"))
}

// Any set of fields comes back as it was written; control bytes anywhere in a
// value refuse the message.
func TestFieldsProperty(t *testing.T) {
	name := rapid.StringMatching("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,30}").Filter(func(s string) bool {
		id := http1.FieldIDOf([]byte(s))
		return id != http1.ContentLength && id != http1.TransferEncoding && id != http1.Host
	})
	value := rapid.StringMatching("([!-~\\x80-\\xff]([ -~\\t\\x80-\\xff]{0,40}[!-~\\x80-\\xff])?)?")
	rapid.Check(t, func(t *rapid.T) {
		var block strings.Builder
		var want []string
		for range rapid.IntRange(0, 12).Draw(t, "fields") {
			n, v := name.Draw(t, "name"), value.Draw(t, "value")
			want = append(want, n+": "+v)
			ows := rapid.StringMatching("[ \t]{0,3}")
			block.WriteString(n + ":" + ows.Draw(t, "before") + v + ows.Draw(t, "behind") + "\r\n")
		}
		h := header(t, block.String())
		require.Equal(t, want, lines(h))
		require.Equal(t, block.String(), string(h.AppendFields(nil)))

		bad := rapid.SampledFrom([]string{"\x00", "\x01", "\x08", "\x0b", "\x0c", "\r", "\x1f", "\x7f"}).Draw(t, "control byte")
		pad := rapid.StringMatching("[ -~\\t\\x80-\\xff]{0,20}")
		var r http1.Request
		_, err := r.Parse([]byte("GET / HTTP/1.0\r\nA: x"+pad.Draw(t, "pad")+bad+pad.Draw(t, "pad")+"x\r\n\r\n"), limits)
		require.Error(t, err)
	})
}
