package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ClientConfig says which gateway a Client talks to.
type ClientConfig struct {
	URL     string        // http://127.0.0.1:8081; the scheme may be left out
	Token   string        // empty: none
	Timeout time.Duration // of one call; 0: 10 s
	// Transport is used for the calls; nil: one of its own, which follows the
	// proxy settings of the environment.
	Transport http.RoundTripper
}

// defaultClientTimeout is enough for a reload of large files.
const defaultClientTimeout = 10 * time.Second

// maxAnswer bounds what a client reads.
const maxAnswer = 16 << 20

// Client calls the admin API. It is safe for concurrent use.
type Client struct {
	base  url.URL
	token string
	http  *http.Client
}

// Error is an answer of the API that is not a success.
type Error struct {
	Status     int           // of HTTP
	Code       string        // such as no_such_class; empty when it was not the API that answered
	Message    string        // for people
	RequestID  string        // that the audit log has as well
	RetryAfter time.Duration // of a 429; else 0
}

// Error says it for people.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the gateway answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Message
}

// NewClient makes a client. The error is that of the URL.
func NewClient(cfg ClientConfig) (*Client, error) {
	raw := cfg.URL
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	base, err := url.Parse(raw)
	if err != nil {
		var where *url.Error // holds the URL, and a URL may hold a password
		if errors.As(err, &where) {
			err = where.Err
		}
		return nil, fmt.Errorf("admin URL: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("admin URL is %q, want http://HOST:PORT", base.Redacted())
	}
	transport := cfg.Transport
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = defaultClientTimeout
	}
	return &Client{base: *base, token: cfg.Token, http: &http.Client{
		Transport: transport, Timeout: timeout,
		// The token must not go wherever an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Queues are the queues of all upstreams. An answer that is no success is an
// *Error, here and below.
func (c *Client) Queues(ctx context.Context) ([]Queue, error) {
	var a queuesAnswer
	err := c.call(ctx, http.MethodGet, []string{"queues"}, nil, &a)
	return a.Queues, err
}

// Upstreams are all upstreams and their endpoints.
func (c *Client) Upstreams(ctx context.Context) ([]Upstream, error) {
	var a upstreamsAnswer
	err := c.call(ctx, http.MethodGet, []string{"upstreams"}, nil, &a)
	return a.Upstreams, err
}

// QueueOp changes a class and returns it as it is afterwards. b is for OpBoost.
func (c *Client) QueueOp(ctx context.Context, upstream, class string, op Op, b Boost) (Class, error) {
	var in any = struct{}{}
	if op == OpBoost {
		d := b.For.String()
		in = boostBody{Weight: &b.Weight, For: &d}
	}
	var k Class
	err := c.call(ctx, http.MethodPost, []string{"queues", upstream, class + ":" + string(op)}, in, &k)
	return k, err
}

// Config is the configuration in force as YAML, secrets masked.
func (c *Client) Config(ctx context.Context) ([]byte, error) {
	var text []byte
	err := c.call(ctx, http.MethodGet, []string{"config"}, nil, &text)
	return text, err
}

// Reload makes the gateway read its configuration again. A bad one is an *Error
// with Status 422 and a Message that says where.
func (c *Client) Reload(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, []string{"reload"}, struct{}{}, &reloaded{})
}

// call sends one request. An out of *[]byte takes the body as it is.
func (c *Client) call(ctx context.Context, method string, path []string, in, out any) error {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	text, raw := out.(*[]byte)
	if raw {
		req.Header.Set("Accept", "application/yaml")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call the gateway's admin API: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("it is too long")
	}
	if err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return readError(res, body)
	}
	if raw {
		*text = body
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method string, path []string, in any) (*http.Request, error) {
	escaped := make([]string, len(path))
	for i, p := range path {
		escaped[i] = url.PathEscape(p)
	}
	target := strings.TrimSuffix(c.base.String(), "/") + "/api/v1/" + strings.Join(escaped, "/")
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

func readError(res *http.Response, body []byte) error {
	e := &Error{Status: res.StatusCode, RequestID: res.Header.Get(requestIDField)}
	var b errorBody
	if json.Unmarshal(body, &b) == nil {
		e.Code, e.Message = b.Error.Code, b.Error.Message
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
