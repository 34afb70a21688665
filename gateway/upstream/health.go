package upstream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// checker looks after the health of one endpoint.
type checker struct {
	b      *backend
	rules  Health
	client *http.Client
	good   int // checks in a row
	bad    int
}

func newChecker(b *backend, rules Health) *checker {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return b.connect(ctx) }
	return &checker{b: b, rules: rules, client: &http.Client{
		// Every check connects anew: that an old connection still works says
		// little about what the next call will meet.
		Transport: &http.Transport{
			DialContext:            dial,
			DialTLSContext:         dial,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// run checks until ctx ends. The first check comes soon, but not of all endpoints
// at the same time.
func (c *checker) run(ctx context.Context) {
	soon := min(c.rules.Interval, time.Second)
	if !pause(ctx, time.Duration(c.b.deps.Rand()%uint64(soon))) {
		return
	}
	for {
		err := c.check(ctx)
		if ctx.Err() != nil {
			return
		}
		c.judge(err)
		if !pause(ctx, jitter(c.rules.Interval, c.b.deps.Rand)) {
			return
		}
	}
}

// check asks once; an answer from 200 to 399 is good.
func (c *checker) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.rules.Timeout)
	defer cancel()
	t := &c.b.plan.target
	scheme := "http"
	if t.tls() {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+t.authority+c.rules.Path, nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	req.Header.Set("User-Agent", "weir-health-check")
	if cred := c.b.plan.credential; cred.name != "" {
		req.Header.Set(cred.name, cred.value)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	const enough = 64 << 10 // of a body that nobody reads
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, enough)); err != nil {
		return fmt.Errorf("health check: read answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 399 {
		return fmt.Errorf("health check: status %d", res.StatusCode)
	}
	return nil
}

// judge counts a check and changes the state of the endpoint at the threshold.
func (c *checker) judge(err error) {
	b := c.b
	b.checked.Store(b.deps.Now().UnixNano())
	if err == nil {
		c.good, c.bad = c.good+1, 0
		if c.good >= c.rules.Healthy && b.down.Swap(false) {
			b.log.Info("endpoint is healthy", zap.Int("good_checks", c.good))
		}
		return
	}
	b.note(err)
	c.good, c.bad = 0, c.bad+1
	if c.bad >= c.rules.Unhealthy && !b.down.Swap(true) {
		b.log.Warn("endpoint is unhealthy", zap.Int("bad_checks", c.bad), zap.String("error", b.mask(err.Error())))
	}
}
