package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		`a"b\c`:            `a\"b\\c`,
		"\n\r\t\x00\x1b":   `\n\r\t\u0000\u001b`,
		"\x7f\u0085":       `\u007f\u0085`,
		"\u2028\u2029":     `\u2028\u2029`,
		"naïve 世界 🙂":       "naïve 世界 🙂",
		"\xff":             `\ufffd`,
		"a\xc3":            `a\ufffd`,
		"\xed\xa0\x80":     `\ufffd\ufffd\ufffd`,
		"ok\ufffdstays":    "ok\ufffdstays",
		"</script>&'":      "</script>&'",
		"\xf0\x9f\x99 cut": `\ufffd\ufffd\ufffd cut`,
	} {
		assert.Equal(t, want, string(appendEscaped(nil, in)), "%q", in)
		assert.Equal(t, want, string(appendEscaped(nil, []byte(in))), "%q", in)
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n", "\x00\x7f\xff", "é世🙂", "\xf0\x9f", "\u2028"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := append(appendEscaped([]byte{'"'}, in), '"')
		require.True(t, json.Valid(out), "%q", out)
		require.True(t, utf8.Valid(out))
		require.NotContains(t, string(out), "\n")
		var back string
		require.NoError(t, json.Unmarshal(out, &back))
		require.Equal(t, string([]rune(string(in))), back, "what it says, with U+FFFD for what is not UTF-8")
		line := (&Record{Target: in, Host: in, UserAgent: in, Tenant: string(in)}).append(nil)
		require.True(t, json.Valid(line))
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
	})
}

func TestMaskedTarget(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"/":                                  "/",
		"*":                                  "*",
		"/key=1":                             "/key=1",
		"/a?b=c":                             "/a?b=c",
		"/a?key=s":                           "/a?key=***",
		"/a?key=":                            "/a?key=",
		"/a?key":                             "/a?key",
		"/a?x=1&API_Key=s&y=2":               "/a?x=1&API_Key=***&y=2",
		"/a?token=s&token=t":                 "/a?token=***&token=***",
		"/a?monkey=1&keys=2":                 "/a?monkey=1&keys=2",
		"/a?%6Bey=s":                         "/a?%6Bey=***",
		"/a?api%5fkey=s":                     "/a?api%5fkey=***",
		"/a?token[]=s&token%5B0%5D=t":        "/a?token[]=***&token%5B0%5D=***",
		"/a?x=1;sig=s":                       "/a?x=1;sig=***",
		"/a?key=s;t&y=1":                     "/a?key=***&y=1",
		"/a?key=a=b":                         "/a?key=***",
		"/a?x=?password=s":                   "/a?x=?password=***",
		"/a?&&key=s&":                        "/a?&&key=***&",
		"http://u:p@h/x?auth=s":              "http://***@h/x?auth=***",
		"http://h/x@y":                       "http://h/x@y",
		"http://a@b@h/":                      "http://***@h/",
		"/a?access_token=s&secret=t&apikey=": "/a?access_token=***&secret=***&apikey=",
		"/a?X-Amz-Signature=s":               "/a?X-Amz-Signature=***",
		"/a?x=key=s":                         "/a?x=key=s",
	} {
		assert.Equal(t, want, string(AppendMaskedTarget(nil, []byte(in))), "%q", in)
	}
}

func FuzzMaskedTarget(f *testing.F) {
	for _, s := range []string{"/a?b=c", "http://u:p@h/x", "/?a=1;key=2&%74oken=3", "??==&&", "/%"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, pick uint8) {
		once := AppendMaskedTarget(nil, in)
		require.Equal(t, string(once), string(AppendMaskedTarget(nil, once)), "masking twice changes nothing")

		// Whatever stands before it, a secret parameter at the end is masked.
		const secret = "s3cr3tV4lu3"
		name := secretParams[int(pick)%len(secretParams)]
		path := strings.NewReplacer("?", "", "\x00", "").Replace(string(in))
		target := []byte(path + "?" + name + "=" + secret)
		require.NotContains(t, string(AppendMaskedTarget(nil, target)), secret)
		query := []byte("/?" + string(in) + "&" + name + "=" + secret)
		require.NotContains(t, string(AppendMaskedTarget(nil, query)), secret)
		line := appendTargetField(nil, `"t":`, query)
		require.True(t, json.Valid(append(append([]byte{'{'}, line...), '}')))
		if len(query) <= maxTarget {
			require.NotContains(t, string(line), secret)
		}
	})
}

func TestMaskingDoesNotAllocate(t *testing.T) {
	buf, target := make([]byte, 0, 256), []byte("/v1/x?key=abc&b=1&token=def")
	assert.Zero(t, testing.AllocsPerRun(100, func() { buf = AppendMaskedTarget(buf[:0], target) }))
}
