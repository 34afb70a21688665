package mock_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

const message = `{"model":"claude-sonnet-4-5","max_tokens":100,"system":"be kind","messages":[{"role":"user","content":"hello"}]}`

func TestMessages(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(4)})
	v := []string{"Anthropic-Version", "2023-06-01", "X-Mock-Cached-Tokens", "1"}
	r := u.send("POST", "/v1/messages", message, v...)
	require.Equal(t, 200, r.StatusCode, r.body)
	m := r.json(t)
	assert.Equal(t, "message", m["type"])
	assert.Equal(t, "end_turn", m["stop_reason"])
	assert.Equal(t, 3., dig(m, "usage", "input_tokens"))
	assert.Equal(t, 1., dig(m, "usage", "cache_read_input_tokens"))
	assert.Equal(t, 4., dig(m, "usage", "output_tokens"))
	assert.NotEmpty(t, r.Header.Get("Request-Id"))
	assert.NotEmpty(t, r.Header.Get("Anthropic-Ratelimit-Requests-Remaining"))

	r = u.send("POST", "/v1/messages", strings.Replace(message, "{", `{"stream":true,`, 1), v...)
	var names []string
	for _, e := range events(r.body) {
		names = append(names, e.name)
		d := e.json(t)
		assert.Equal(t, e.name, d["type"])
		if e.name == "message_delta" {
			assert.Equal(t, 4., dig(d, "usage", "output_tokens"))
		}
	}
	const delta = "content_block_delta"
	assert.Equal(t, []string{"message_start", "content_block_start", "ping", delta, delta, delta, delta, "content_block_stop", "message_delta", "message_stop"}, names)
	u.eventually(func(s mock.Stats) bool { return s.InFlight == 0 })
	assert.Equal(t, mock.ModelStats{Requests: 2, TokensIn: 8, TokensCached: 2, TokensOut: 8}, u.Stats().Models["claude-sonnet-4-5"])

	m = u.send("POST", "/v1/messages", strings.Replace(message, "{", `{"stop_sequences":[" "],`, 1), v...).json(t)
	assert.Equal(t, "stop_sequence", m["stop_reason"])
	assert.Equal(t, " ", m["stop_sequence"])
	m = u.send("POST", "/v1/messages", strings.Replace(message, "{", `{"tools":[{"name":"f","input_schema":{"properties":{"a":{"type":"boolean"}}}}],"tool_choice":{"type":"any"},`, 1), v...).json(t)
	assert.Equal(t, "tool_use", m["stop_reason"])
	assert.Equal(t, map[string]any{"a": true}, dig(m, "content", 0, "input"))
	assert.Equal(t, 4., u.send("POST", "/v1/messages/count_tokens", message, v...).json(t)["input_tokens"])
}

func TestAnthropicRefuses(t *testing.T) {
	u := start(t, mock.Config{Keys: []string{"k"}})
	f := func(body string, status int, kind string, headers ...string) {
		t.Helper()
		r := u.send("POST", "/v1/messages", body, headers...)
		assert.Equal(t, status, r.StatusCode, r.body)
		m := r.json(t)
		assert.Equal(t, "error", m["type"])
		assert.Equal(t, kind, dig(m, "error", "type"))
		assert.NotEmpty(t, m["request_id"])
	}
	ok := []string{"X-Api-Key", "k", "Anthropic-Version", "2023-06-01"}
	f(message, 401, "authentication_error")
	f(message, 401, "authentication_error", "X-Api-Key", "wrong")
	f(message, 400, "invalid_request_error", "X-Api-Key", "k")
	f(`{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"x"}]}`, 400, "invalid_request_error", ok...)
	f(`{"model":"claude-2","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`, 404, "not_found_error", ok...)
	f(message, 529, "overloaded_error", append(ok, "X-Mock-Status", "529")...)
	f(message, 429, "rate_limit_error", append(ok, "X-Mock-Status", "429")...)
}

const content = `{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}`

func TestGemini(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(3), Keys: []string{"k"}})
	const base = "/v1beta/models/gemini-2.5-pro"
	m := u.send("POST", base+":generateContent", content, "X-Goog-Api-Key", "k").json(t)
	assert.Equal(t, "STOP", dig(m, "candidates", 0, "finishReason"))
	assert.Equal(t, 3., dig(m, "usageMetadata", "candidatesTokenCount"))
	assert.Equal(t, 5., dig(m, "usageMetadata", "totalTokenCount"))

	r := u.send("POST", base+":streamGenerateContent?alt=sse&key=k", content)
	evs := events(r.body)
	require.Len(t, evs, 3)
	assert.Nil(t, dig(evs[1].json(t), "candidates", 0, "finishReason"))
	assert.Equal(t, "STOP", dig(evs[2].json(t), "candidates", 0, "finishReason"))

	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(u.send("POST", base+":streamGenerateContent?key=k", content).body), &list))
	assert.Len(t, list, 3)

	assert.Equal(t, 2., u.send("POST", base+":countTokens?key=k", content).json(t)["totalTokens"])
	m = u.send("POST", "/v1beta/models/gemini-embedding-001:embedContent?key=k", `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":4}`).json(t)
	assert.Len(t, dig(m, "embedding", "values"), 4)

	f := func(path, body string, code int, status string) {
		t.Helper()
		r := u.send("POST", path, body)
		assert.Equal(t, code, r.StatusCode)
		assert.EqualValues(t, code, dig(r.json(t), "error", "code"))
		assert.Equal(t, status, dig(r.json(t), "error", "status"))
	}
	f(base+":generateContent", content, 403, "PERMISSION_DENIED")
	f(base+":generateContent?key=bad", content, 400, "INVALID_ARGUMENT")
	f(base+":generateContent?key=k", `{}`, 400, "INVALID_ARGUMENT")
	f("/v1beta/models/gemini-1:generateContent?key=k", content, 404, "NOT_FOUND")
	f(base+":generateContent?key=k&mock_status=429", content, 429, "RESOURCE_EXHAUSTED")
}
