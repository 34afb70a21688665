package routing_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/routing"
)

func TestScanBody(t *testing.T) {
	f := func(body, model string, stream bool, tokens int64, valid bool) {
		t.Helper()
		facts, err := routing.ScanBody([]byte(body), true)
		require.NoError(t, err, body)
		assert.Equal(t, model, string(facts.Model), body)
		assert.Equal(t, stream, facts.Stream, body)
		assert.Equal(t, tokens, facts.MaxTokens, body)
		assert.Equal(t, valid, facts.Valid, body)
	}
	f(`{"model":"gpt-5","stream":true,"max_tokens":100}`, "gpt-5", true, 100, true)
	f(" {\n\t\"model\" : \"m\" ,\r\n \"stream\" : false } \n", "m", false, 0, true)
	f(`{}`, "", false, 0, true)
	f(`{"messages":[{"role":"user","content":"\"stream\":true}]"}],"stream":true}`, "", true, 0, true)
	f(`{"metadata":{"stream":true,"model":"x"},"model":"y"}`, "y", false, 0, true)
	f(`{"max_tokens":5,"max_completion_tokens":7,"max_output_tokens":6}`, "", false, 7, true)
	f(`{"max_tokens":-5,"max_completion_tokens":1.5,"max_output_tokens":1e3}`, "", false, 0, true)
	f(`{"max_tokens":99999999999999999999999}`, "", false, 0, true)
	f(`{"str\u0065am":true,"model":"a\u0062c"}`, "abc", true, 0, true)
	f(`{"stream":"true","model":7}`, "", false, 0, true)
	f(`{"stream":null,"model":null}`, "", false, 0, true)
	f(`{"Stream":true,"MODEL":"x"}`, "", false, 0, true)
	f(`{"a":"\\","stream":true}`, "", true, 0, true)
	f(`{"a":"\\\"","stream":true}`, "", true, 0, true)
	f(`{"a":["\\"],"stream":true}`, "", true, 0, true)
	f(`{"model":"m"}x`, "m", false, 0, false)
	f(`{"model":"m"`, "m", false, 0, false)
	f(`{"model":"m",}`, "m", false, 0, false)
	f(`{"model" "m"}`, "", false, 0, false)
	f(`[{"model":"m"}]`, "", false, 0, false)
	f(``, "", false, 0, false)
	f(`"model"`, "", false, 0, false)
	f(`{"a":[[[}`, "", false, 0, false)
	f(`{"a":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`,"model":"m"}`, "", false, 0, false)
}

func TestScanBodyOfAPart(t *testing.T) {
	body := `{"model":"gpt-5","max_tokens":1000,"stream":true,"messages":[{"content":"hello"}]}`
	for n := range len(body) {
		facts, err := routing.ScanBody([]byte(body[:n]), false)
		require.NoError(t, err)
		assert.False(t, facts.Valid)
		assert.Contains(t, []string{"", "gpt-5"}, string(facts.Model))
		assert.Contains(t, []int64{0, 1000}, facts.MaxTokens, "half a number is no number")
		assert.Equal(t, n > strings.Index(body, `,"messages`), facts.Stream, body[:n])
	}
	facts, err := routing.ScanBody([]byte(body), false)
	require.NoError(t, err)
	assert.False(t, facts.Valid, "more may follow")
}

func TestScanBodyRefusesDuplicates(t *testing.T) {
	many := func(n int, last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return b.String() + last + "}"
	}
	for body, want := range map[string]error{
		`{"model":"cheap","model":"dear"}`:        routing.ErrDuplicateKey,
		`{"model":"cheap","mod\u0065l":"dear"}`:   routing.ErrDuplicateKey,
		`{"model":"cheap","MODEL":"dear"}`:        routing.ErrDuplicateKey,
		`{"ſtream":true,"stream":false}`:          routing.ErrDuplicateKey,
		`{"a":1,"b":2,"a":3}`:                     routing.ErrDuplicateKey,
		`{"a":1,"A":3}`:                           nil,
		`{"a":{"b":1,"b":2}}`:                     nil,
		`{"\ud800":1,"\ud801":2}`:                 routing.ErrDuplicateKey,
		many(31, `"k3":1`):                        routing.ErrDuplicateKey,
		many(32, `"k31":1`):                       routing.ErrDuplicateKey,
		many(100, `"k77":1`):                      routing.ErrDuplicateKey,
		many(100, `"x":1`):                        nil,
		many(1023, `"x":1`):                       nil,
		many(1024, `"x":1`):                       routing.ErrTooManyKeys,
		`{"model":"cheap","x":[1,2],"model":`:     routing.ErrDuplicateKey,
		`{"stream":true,"model":"m","stream":tru`: routing.ErrDuplicateKey,
	} {
		_, err := routing.ScanBody([]byte(body), true)
		assert.ErrorIs(t, err, want, body[:min(len(body), 60)])
	}
}

// topLevel reads an object with encoding/json, or says why it cannot be compared.
func topLevel(body []byte) (members map[string]json.RawMessage, duplicate, ok bool) {
	if !json.Valid(body) {
		return nil, false, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false, false
	}
	members = map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, false, false
		}
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return nil, false, false
		}
		_, twice := members[key.(string)]
		duplicate = duplicate || twice
		members[key.(string)] = v
	}
	_, err := d.Token()
	return members, duplicate, err == nil || err == io.EOF
}

// FuzzScanBody compares with encoding/json wherever that can read the body.
func FuzzScanBody(f *testing.F) {
	for _, s := range []string{
		`{"model":"gpt-5","stream":true,"max_tokens":100}`, `{"a":[{"b":"}]\""}],"stream":true}`, `{"m\u006fdel":"x\n"}`,
		`{"model":"a","model":"b"}`, `{"x":-1.5e3,"stream": true }`, `{}`, ` { "stream" : null } `, `{"a":{"_":"Y","y":[]},"model":""}`,
		`{"Model":"x","stream":true}`, `[]`, `{"a"`,
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, complete bool) {
		facts, err := routing.ScanBody(body, complete)
		members, duplicate, ok := topLevel(body)
		if !ok || err != nil {
			return
		}
		require.Equal(t, complete, facts.Valid)
		// The decoder replaces bad UTF-8 and so takes keys for equal that are not.
		require.False(t, duplicate && bytes.IndexFunc(body, func(r rune) bool { return r == '\uFFFD' }) < 0)
		if duplicate {
			return
		}
		require.Equal(t, string(members["stream"]) == "true", facts.Stream)
		var model string
		if raw := members["model"]; len(raw) > 0 && raw[0] == '"' {
			require.NoError(t, json.Unmarshal(raw, &model))
		}
		if strings.ContainsRune(model, '\uFFFD') {
			return // the scan passes on the bytes as they are
		}
		require.Equal(t, model, string(facts.Model))
	})
}
