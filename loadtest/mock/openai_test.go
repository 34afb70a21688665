package mock_test

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestChatAnswersInOnePiece(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(7)})
	r := u.send("POST", "/v1/chat/completions", chat)
	require.Equal(t, 200, r.StatusCode, r.body)
	m := r.json(t)
	assert.Equal(t, "chat.completion", m["object"])
	assert.Equal(t, "gpt-4o", m["model"])
	assert.Equal(t, "assistant", dig(m, "choices", 0, "message", "role"))
	assert.Len(t, strings.Fields(dig(m, "choices", 0, "message", "content").(string)), 7)
	assert.Equal(t, "stop", dig(m, "choices", 0, "finish_reason"))
	assert.Equal(t, 3., dig(m, "usage", "prompt_tokens"))
	assert.Equal(t, 7., dig(m, "usage", "completion_tokens"))
	assert.Equal(t, 10., dig(m, "usage", "total_tokens"))
	for _, h := range []string{
		"X-Request-Id", "Openai-Processing-Ms", "Openai-Version", "X-Ratelimit-Limit-Requests",
		"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests", "X-Ratelimit-Limit-Tokens",
		"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens", "Date",
	} {
		assert.NotEmpty(t, r.Header.Get(h), h)
	}
	assert.Equal(t, mock.ModelStats{Requests: 1, TokensIn: 3, TokensOut: 7}, u.Stats().Models["gpt-4o"])
}

func TestChatHonoursTheRequest(t *testing.T) {
	u := start(t, mock.Config{})
	ask := func(extra string, headers ...string) map[string]any {
		t.Helper()
		r := u.send("POST", "/v1/chat/completions", strings.Replace(chat, "{", "{"+extra+",", 1), headers...)
		require.Equal(t, 200, r.StatusCode, r.body)
		return r.json(t)
	}
	m := ask(`"max_tokens":3`)
	assert.Equal(t, "length", dig(m, "choices", 0, "finish_reason"))
	assert.Equal(t, 3., dig(m, "usage", "completion_tokens"))

	m = ask(`"n":3,"max_completion_tokens":2`)
	assert.Len(t, m["choices"], 3)
	assert.Equal(t, 6., dig(m, "usage", "completion_tokens"))

	whole := dig(ask(`"seed":1`), "choices", 0, "message", "content").(string)
	assert.NotEmpty(t, whole)
	m = ask(`"stop":" "`)
	assert.NotContains(t, dig(m, "choices", 0, "message", "content"), " ")
	assert.Equal(t, 1., dig(m, "usage", "completion_tokens"))
	assert.Equal(t, "stop", dig(m, "choices", 0, "finish_reason"))

	m = ask(`"response_format":{"type":"json_object"}`)
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(dig(m, "choices", 0, "message", "content").(string)), &object))

	tools := `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string","enum":["Zürich"]}},"required":["city"]}}}]`
	for _, choice := range []string{`"required"`, `{"type":"function","function":{"name":"weather"}}`} {
		m = ask(tools + `,"tool_choice":` + choice)
		assert.Equal(t, "tool_calls", dig(m, "choices", 0, "finish_reason"))
		assert.Equal(t, "weather", dig(m, "choices", 0, "message", "tool_calls", 0, "function", "name"))
		assert.JSONEq(t, `{"city":"Zürich"}`, dig(m, "choices", 0, "message", "tool_calls", 0, "function", "arguments").(string))
	}
	m = ask(tools)
	assert.Equal(t, "stop", dig(m, "choices", 0, "finish_reason"))

	m = ask(`"x":0`, "X-Mock-Cached-Tokens", "2", "X-Mock-Reasoning-Tokens", "5", "X-Mock-Tokens", "4")
	assert.Equal(t, 2., dig(m, "usage", "prompt_tokens_details", "cached_tokens"))
	assert.Equal(t, 5., dig(m, "usage", "completion_tokens_details", "reasoning_tokens"))
	assert.Equal(t, 9., dig(m, "usage", "completion_tokens"))
}

func TestChatStreamsOneTokenPerEvent(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(5)})
	for _, path := range []string{"/v1/chat/completions", "/compatible-mode/v1/chat/completions"} {
		r := u.send("POST", path, chatStream, "X-Mock-Pad", "12")
		require.Equal(t, 200, r.StatusCode)
		assert.True(t, strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream"))
		evs := events(r.body)
		require.Len(t, evs, 1+5+1+1+1)
		assert.Equal(t, "assistant", dig(evs[0].json(t), "choices", 0, "delta", "role"))
		for _, e := range evs[1:6] {
			m := e.json(t)
			assert.Equal(t, "chat.completion.chunk", m["object"])
			assert.Len(t, dig(m, "choices", 0, "delta", "content"), 12)
			assert.Nil(t, dig(m, "choices", 0, "finish_reason"))
		}
		assert.Equal(t, "stop", dig(evs[6].json(t), "choices", 0, "finish_reason"))
		last := evs[7].json(t)
		assert.Empty(t, last["choices"])
		assert.Equal(t, 5., dig(last, "usage", "completion_tokens"))
		assert.Equal(t, "[DONE]", evs[8].data)
	}
	u.eventually(func(s mock.Stats) bool { return s.Requests == 2 && s.InFlight == 0 })
	assert.Equal(t, mock.ModelStats{Requests: 2, TokensIn: 6, TokensOut: 10}, u.Stats().Models["gpt-4o"])
}

func TestChatStreamsChoicesToolsAndTimes(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(2)})
	r := u.send("POST", "/v1/chat/completions", strings.Replace(chatStream, "{", `{"n":2,`, 1))
	evs := events(r.body)
	require.Len(t, evs, 2+4+2+1+1)
	assert.Equal(t, 0., dig(evs[2].json(t), "choices", 0, "index"))
	assert.Equal(t, 1., dig(evs[3].json(t), "choices", 0, "index"))

	r = u.send("POST", "/v1/chat/completions", strings.Replace(chatStream, "{", `{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":"integer"}}}}}],"tool_choice":"required",`, 1))
	evs = events(r.body)
	arguments := ""
	assert.Equal(t, "f", dig(evs[0].json(t), "choices", 0, "delta", "tool_calls", 0, "function", "name"))
	for _, e := range evs[1:3] {
		arguments += dig(e.json(t), "choices", 0, "delta", "tool_calls", 0, "function", "arguments").(string)
	}
	assert.JSONEq(t, `{"a":1}`, arguments)

	before := time.Now().UnixNano()
	r = u.send("POST", "/v1/chat/completions", chatStream, "X-Mock-Timestamps", "1")
	for _, e := range events(r.body)[1:3] {
		ns, err := strconv.ParseInt(strings.TrimSpace(dig(e.json(t), "choices", 0, "delta", "content").(string)), 10, 64)
		require.NoError(t, err)
		assert.Greater(t, ns, before)
	}
}

func TestOpenAIRefuses(t *testing.T) {
	u := start(t, mock.Config{Keys: []string{"sk-good"}})
	f := func(path, body string, status int, param, code any) {
		t.Helper()
		r := u.send("POST", path, body, "Authorization", "Bearer sk-good")
		assert.Equal(t, status, r.StatusCode, r.body)
		m := r.json(t)
		assert.NotEmpty(t, dig(m, "error", "message"))
		assert.Equal(t, "invalid_request_error", dig(m, "error", "type"))
		assert.Equal(t, param, dig(m, "error", "param"))
		assert.Equal(t, code, dig(m, "error", "code"))
	}
	const c, e, s = "/v1/chat/completions", "/v1/embeddings", "/v1/responses"
	f(c, `{`, 400, nil, nil)
	f(c, `[]`, 400, nil, nil)
	f(c, `{"model":"gpt-4o","messages":[]} x`, 400, nil, nil)
	f(c, `{"messages":[{"role":"user","content":"x"}]}`, 400, "model", "missing_required_parameter")
	f(c, `{"model":"gpt-4o"}`, 400, "messages", "missing_required_parameter")
	f(c, `{"model":1,"messages":[]}`, 400, "model", "invalid_type")
	f(c, `{"model":"gpt-4o","messages":"x"}`, 400, "messages", "invalid_type")
	f(c, `{"model":"gpt-4o","messages":[{"role":"user","content":7}]}`, 400, "messages.content", "invalid_type")
	f(c, `{"model":"gpt-4o","messages":[{"role":"king","content":"x"}]}`, 400, "messages[0].role", "invalid_value")
	f(c, `{"model":"gpt-4o","messages":[{"role":"user"}]}`, 400, "messages[0].content", "missing_required_parameter")
	f(c, `{"model":"gpt-4o","max_tokens":0,"messages":[{"role":"user","content":"x"}]}`, 400, "max_tokens", "invalid_value")
	f(c, `{"model":"gpt-4o","n":0,"messages":[{"role":"user","content":"x"}]}`, 400, "n", "invalid_value")
	f(c, `{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}`, 404, "model", "model_not_found")
	f(s, `{"model":"gpt-4o"}`, 400, "input", "missing_required_parameter")
	f(e, `{"model":"text-embedding-3-small"}`, 400, "input", "missing_required_parameter")
	f(e, `{"model":"text-embedding-3-small","input":"x","dimensions":9999}`, 400, "dimensions", "invalid_value")

	for _, auth := range []string{"", "Bearer sk-bad", "Basic sk-good"} {
		r := u.send("POST", c, chat, "Authorization", auth)
		assert.Equal(t, 401, r.StatusCode)
		assert.Equal(t, "invalid_api_key", dig(r.json(t), "error", "code"))
		assert.NotContains(t, r.body, "sk-")
	}
	assert.Empty(t, u.Stats().Models)
}

func TestResponses(t *testing.T) {
	u := start(t, mock.Config{OutputTokens: mock.FixedCount(3)})
	r := u.send("POST", "/v1/responses", `{"model":"gpt-5","input":[{"role":"user","content":[{"type":"input_text","text":"12345"}]}],"instructions":"abcd"}`)
	require.Equal(t, 200, r.StatusCode, r.body)
	m := r.json(t)
	assert.Equal(t, "completed", m["status"])
	assert.Equal(t, 3., dig(m, "usage", "input_tokens"))
	assert.Equal(t, 3., dig(m, "usage", "output_tokens"))
	text := dig(m, "output", 0, "content", 0, "text").(string)
	assert.Len(t, strings.Fields(text), 3)

	r = u.send("POST", "/v1/responses", `{"model":"gpt-5","input":"hi","stream":true}`)
	var names []string
	said := ""
	for i, e := range events(r.body) {
		names = append(names, e.name)
		d := e.json(t)
		assert.Equal(t, e.name, d["type"])
		assert.EqualValues(t, i, d["sequence_number"])
		if e.name == "response.output_text.delta" {
			said += d["delta"].(string)
		}
		if e.name == "response.completed" {
			assert.Equal(t, said, dig(d, "response", "output", 0, "content", 0, "text"))
			assert.Equal(t, 4., dig(d, "response", "usage", "total_tokens"))
		}
	}
	const delta = "response.output_text.delta"
	assert.Equal(t, []string{
		"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
		delta, delta, delta, "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
	}, names)
}

func TestEmbeddings(t *testing.T) {
	u := start(t, mock.Config{})
	get := func(rest string) map[string]any {
		t.Helper()
		r := u.send("POST", "/v1/embeddings", `{"model":"text-embedding-3-small","dimensions":8,`+rest+`}`)
		require.Equal(t, 200, r.StatusCode, r.body)
		return r.json(t)
	}
	m := get(`"input":"hello"`)
	assert.Len(t, dig(m, "data", 0, "embedding"), 8)
	assert.Equal(t, 2., dig(m, "usage", "prompt_tokens"))
	assert.Equal(t, m, get(`"input":"hello"`))
	assert.Len(t, get(`"input":["a","b"]`)["data"], 2)
	assert.Equal(t, 3., dig(get(`"input":[1,2,3]`), "usage", "total_tokens"))
	assert.Len(t, get(`"input":[[1],[2,3]]`)["data"], 2)

	raw, err := base64.StdEncoding.DecodeString(dig(get(`"input":"hello","encoding_format":"base64"`), "data", 0, "embedding").(string))
	require.NoError(t, err)
	assert.Len(t, raw, 32)
}

func TestModels(t *testing.T) {
	u := start(t, mock.Config{})
	m := u.send("GET", "/v1/models", "").json(t)
	assert.Equal(t, "list", m["object"])
	assert.Greater(t, len(m["data"].([]any)), 15)
	assert.Equal(t, "gpt-4o", u.send("GET", "/v1/models/gpt-4o", "").json(t)["id"])
	assert.Equal(t, 200, u.send("GET", "/v1/models/gpt-4o-2024-08-06", "").StatusCode)
	assert.Equal(t, 200, u.send("GET", "/v1/models/claude-sonnet-4-5-20250929", "").StatusCode)
	assert.Equal(t, 404, u.send("GET", "/v1/models/gpt-4o-large", "").StatusCode)
	r := u.send("DELETE", "/v1/models/gpt-4o", "")
	assert.Equal(t, 405, r.StatusCode)
	assert.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
}
