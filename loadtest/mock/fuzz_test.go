package mock_test

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/weir-gateway/weir/loadtest/mock"
)

// FuzzBodies sends any body to the endpoints that read JSON. Whatever it is, the answer is JSON with a status
// that fits, and nothing is billed unless the answer is good.
func FuzzBodies(f *testing.F) {
	paths := []string{
		"/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens",
		"/v1beta/models/gemini-2.5-pro:generateContent", "/v1beta/models/gemini-embedding-001:embedContent",
		"/profiles/p1", "/campaigns/c1/events",
	}
	for i, body := range []string{
		chat, `{"model":"gpt-5","input":[{"content":[{"text":"x"}]}]}`, `{"model":"text-embedding-3-small","input":[[1]],"dimensions":2}`,
		message, message, content, `{"content":{"parts":[{"text":"a"}]},"outputDimensionality":2}`, `{"a":null}`, `[{}]`,
	} {
		f.Add(uint8(i), []byte(body))
	}
	f.Add(uint8(0), []byte(`{"model":"gpt-4o","n":2,"stop":["\ud83d"," "],"messages":[{"role":"user","content":null}],"response_format":{"type":"json_schema","json_schema":{"schema":{"enum":[{}]}}}}`))
	f.Add(uint8(0), []byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"tools":[{"function":{"name":"\"","parameters":{"const":{"ü":"\u2028"}}}}],"tool_choice":"required"}`))

	s, err := mock.New(mock.Config{MaxTokens: 64})
	require.NoError(f, err)
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	client := &fasthttp.HostClient{Addr: "mock", MaxIdleConnDuration: time.Millisecond, Dial: func(string) (net.Conn, error) { return ln.Dial() }}
	f.Cleanup(func() {
		client.CloseIdleConnections()
		require.NoError(f, s.Shutdown(context.Background()))
		require.NoError(f, <-served)
	})
	f.Fuzz(func(t *testing.T, path uint8, body []byte) {
		var req fasthttp.Request
		var resp fasthttp.Response
		req.SetRequestURI("http://mock" + paths[int(path)%len(paths)])
		req.Header.SetMethod("POST")
		req.Header.Set("Anthropic-Version", "2023-06-01")
		req.SetBody(body)
		require.NoError(t, client.Do(&req, &resp))
		require.Contains(t, []int{200, 201, 202, 400, 404, 413}, resp.StatusCode())
		if string(resp.Header.ContentType()) == "application/json" {
			require.True(t, json.Valid(resp.Body()), "%s", resp.Body())
		}
	})
}
