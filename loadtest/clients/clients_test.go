package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

const (
	clientKey   = "weir-client-key"
	providerKey = "provider-key"
)

// side is one way to the mock: directly, or through Weir.
type side struct {
	url  string
	key  string
	mock *mock.Server
}

// sides starts two mocks that answer alike, one of them behind Weir.
func sides(t *testing.T) (direct, through side) {
	direct = startMock(t)
	direct.key = providerKey
	through = startMock(t)
	through.url = startWeir(t, through.url)
	through.key = clientKey
	return direct, through
}

func startMock(t *testing.T) side {
	m, err := mock.New(mock.Config{Seed: 42, Keys: []string{providerKey}})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- m.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = m.Shutdown(ctx)
		<-done
	})
	return side{url: "http://" + ln.Addr().String(), mock: m}
}

func startWeir(t *testing.T, to string) string {
	sum := sha256.Sum256([]byte(clientKey))
	endpoint := []upstream.EndpointConfig{{URL: to, KeyEnv: "PROVIDER_KEY"}}
	cfg := gateway.Config{
		Identity: identity.Config{
			APIKeys:   []identity.APIKey{{Name: "app", SHA256: hex.EncodeToString(sum[:])}},
			Anonymous: identity.Anonymous{Deny: true},
		},
		Upstreams: []upstream.Config{
			{Name: "openai", Protocol: "openai", Endpoints: endpoint},
			{Name: "anthropic", Protocol: "anthropic", Endpoints: endpoint},
		},
		Routes: []routing.RouteConfig{
			{Name: "messages", Match: routing.RouteMatch{Path: []string{"/v1/messages", "/v1/messages/*"}}, Upstream: "anthropic"},
			{Name: "openai", Match: routing.RouteMatch{Path: []string{"/v1/*"}}, Upstream: "openai"},
		},
	}
	cfg.Telemetry.AccessLog.Path = "off"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g, err := gateway.New(cfg, gateway.Deps{Listener: ln, Admin: admin, LookupEnv: func(name string) (string, bool) {
		return providerKey, name == "PROVIDER_KEY"
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	<-g.Ready()
	return "http://" + ln.Addr().String()
}

// recorder keeps what came over the wire.
type recorder struct {
	mu    sync.Mutex
	calls []*call
}

type call struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	c := &call{status: res.StatusCode, header: res.Header.Clone()}
	r.mu.Lock()
	r.calls = append(r.calls, c)
	r.mu.Unlock()
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(res.Body, &c.body), res.Body}
	return res, nil
}

// moment is what two equal answers differ in: when they were made.
var moment = regexp.MustCompile(`"(created|created_at|completed_at)":[0-9.]+`)

func still(body string) string { return moment.ReplaceAllString(body, `"$1":0`) }

// own are the fields that Weir adds or that tell the time.
var own = []string{"Via", "X-Request-Id", "X-Weir-Class", "X-Weir-Queue-Wait", "X-Weir-Upstream-Request-Id", "Server-Timing", "Date", "Openai-Processing-Ms"}

// compare asserts that both sides got the same bytes.
func compare(t *testing.T, direct, through *recorder) {
	t.Helper()
	require.Len(t, through.calls, len(direct.calls))
	for i, d := range direct.calls {
		w := through.calls[i]
		assert.Equal(t, d.status, w.status)
		assert.Equal(t, still(d.body.String()), still(w.body.String()))
		dh, wh := d.header.Clone(), w.header.Clone()
		for _, h := range own {
			dh.Del(h)
			wh.Del(h)
		}
		assert.Equal(t, dh, wh)
	}
}

// both runs the same calls against both sides.
func both(t *testing.T, do func(t *testing.T, s side, rec *recorder)) {
	direct, through := sides(t)
	var d, w recorder
	do(t, direct, &d)
	do(t, through, &w)
	compare(t, &d, &w)
	ds, ws := direct.mock.Stats(), through.mock.Stats()
	assert.Equal(t, ds.TokensOut, ws.TokensOut)
	assert.Equal(t, ds.TokensIn, ws.TokensIn)
}

func openaiClient(s side, rec *recorder) openai.Client {
	return openai.NewClient(option.WithBaseURL(s.url+"/v1"), option.WithAPIKey(s.key), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: rec}))
}

func ask(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Write a subject line.")}}
}

func TestOpenAIGo(t *testing.T) {
	both(t, func(t *testing.T, s side, rec *recorder) {
		c, ctx := openaiClient(s, rec), context.Background()
		chat, err := c.Chat.Completions.New(ctx, ask("gpt-4o"))
		require.NoError(t, err)
		assert.NotEmpty(t, chat.Choices[0].Message.Content)

		p := ask("gpt-4o-mini")
		p.StreamOptions.IncludeUsage = openai.Bool(true)
		stream := c.Chat.Completions.NewStreaming(ctx, p)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		require.NoError(t, stream.Err())
		assert.NotZero(t, acc.Usage.CompletionTokens)

		emb, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: "text-embedding-3-small",
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"spring", "sale"}},
		})
		require.NoError(t, err)
		assert.Len(t, emb.Data, 2)

		rsp, err := c.Responses.New(ctx, responses.ResponseNewParams{
			Model: "gpt-4.1",
			Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
		})
		require.NoError(t, err)
		assert.NotEmpty(t, rsp.OutputText())

		_, err = c.Chat.Completions.New(ctx, ask("no-such-model"))
		var e *openai.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 404, e.StatusCode)
		assert.Equal(t, "model_not_found", e.Code)
	})
}

func TestOpenAIGoTimeoutAndAbort(t *testing.T) {
	_, s := sides(t)
	c := openaiClient(s, &recorder{})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := c.Chat.Completions.New(ctx, ask("gpt-4o"), option.WithHeader("X-Mock-Latency", "20s"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	aborted := func(n int64) func() bool { return func() bool { return s.mock.Stats().Aborted == n } }
	assert.Eventually(t, aborted(1), 5*time.Second, time.Millisecond)

	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	stream := c.Chat.Completions.NewStreaming(ctx, ask("gpt-4o"), option.WithHeader("X-Mock-Gap", "10ms"), option.WithHeader("X-Mock-Tokens", "5000"))
	for n := 0; stream.Next(); n++ {
		if n == 5 {
			cancel()
		}
	}
	assert.True(t, errors.Is(stream.Err(), context.Canceled), "%v", stream.Err())
	assert.Eventually(t, aborted(2), 5*time.Second, time.Millisecond)
}

// TestOpenAIGoReadsOurErrors: errors of Weir's own reach the caller as the SDK's.
func TestOpenAIGoReadsOurErrors(t *testing.T) {
	_, s := sides(t)
	s.key = "wrong"
	c := openaiClient(s, &recorder{})
	_, err := c.Chat.Completions.New(context.Background(), ask("gpt-4o"))
	var e *openai.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 401, e.StatusCode)
	assert.Equal(t, "invalid_api_key", e.Code)
	assert.NotEmpty(t, e.Message)
	a := anthropic.NewClient(anthropicoption.WithBaseURL(s.url), anthropicoption.WithAPIKey("wrong"), anthropicoption.WithMaxRetries(0))
	_, err = a.Messages.New(context.Background(), anthropic.MessageNewParams{
		Model: "claude-sonnet-4-5", MaxTokens: 10,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))},
	})
	var ae *anthropic.Error
	require.ErrorAs(t, err, &ae)
	assert.Equal(t, 401, ae.StatusCode)
}

func TestAnthropicGo(t *testing.T) {
	both(t, func(t *testing.T, s side, rec *recorder) {
		c := anthropic.NewClient(anthropicoption.WithBaseURL(s.url), anthropicoption.WithAPIKey(s.key), anthropicoption.WithMaxRetries(0),
			anthropicoption.WithHTTPClient(&http.Client{Transport: rec}))
		ctx := context.Background()
		p := anthropic.MessageNewParams{
			Model: "claude-sonnet-4-5", MaxTokens: 100,
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Write a subject line."))},
		}
		m, err := c.Messages.New(ctx, p)
		require.NoError(t, err)
		assert.NotEmpty(t, m.Content)
		stream := c.Messages.NewStreaming(ctx, p)
		var acc anthropic.Message
		for stream.Next() {
			require.NoError(t, acc.Accumulate(stream.Current()))
		}
		require.NoError(t, stream.Err())
		assert.NotZero(t, acc.Usage.OutputTokens)
		p.Model = "no-such-model"
		_, err = c.Messages.New(ctx, p)
		var e *anthropic.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 404, e.StatusCode)
	})
}

// TestNode runs the JavaScript clients against both sides and compares what they
// made of the answers.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	require.NoError(t, err, "install node, or run this by `make test`, which does")
	_, err = os.Stat("node_modules/openai")
	require.NoError(t, err, "run `npm ci` here, or run this by `make test`, which does")
	direct, through := sides(t)
	want, got := nodeCalls(t, node, direct), nodeCalls(t, node, through)
	require.Len(t, want, 14)
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, want[i], got[i])
	}
	assert.Eventually(t, func() bool { return through.mock.Stats().Aborted == 2 }, 5*time.Second, time.Millisecond,
		"the time-out and the abort reached the upstream")
}

func nodeCalls(t *testing.T, node string, s side) (lines []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "calls.mjs")
	cmd.Env = append(os.Environ(), "BASE_URL="+s.url, "API_KEY="+s.key)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		lines = append(lines, still(strings.TrimSpace(sc.Text())))
	}
	return lines
}
