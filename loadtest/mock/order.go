package mock

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// Bounds of what a request may order.
const (
	maxPad       = 64 << 10
	maxTagLength = 128
)

// order is what a request asks of the mock by its X-Mock-* headers or mock_* query parameters.
type order struct {
	latency, gap, tokens       Dist
	hasLatency, hasGap, hasTok bool
	status                     int
	fault                      fault
	cutAfter                   int // of faultCutStream: tokens sent before the cut
	errorRate                  float64
	tag                        string
	pad                        int
	timestamps                 bool
	cached, reasoning          int
	cacheControl               string
}

// readOrder reads the orders of a request: query parameters first, so that a header overrides them.
func readOrder(ctx *fasthttp.RequestCtx) (order, error) {
	var o order
	var failed error
	if bytes.Contains(ctx.Request.URI().QueryString(), []byte("mock_")) {
		for k, v := range ctx.QueryArgs().All() {
			if name, ok := strings.CutPrefix(string(k), "mock_"); ok && failed == nil {
				failed = o.set(strings.ReplaceAll(strings.ToLower(name), "_", "-"), string(v))
			}
		}
	}
	for k, v := range ctx.Request.Header.All() {
		if len(k) > 7 && k[0] == 'X' && bytes.HasPrefix(k, []byte("X-Mock-")) && failed == nil {
			failed = o.set(strings.ToLower(string(k[7:])), string(v))
		}
	}
	return o, failed
}

// set reads one order. An unknown name is an error, so that a typing error cannot turn a test into a
// different one.
func (o *order) set(name, v string) error {
	var err error
	switch name {
	case "latency":
		o.latency, err = parseDuration(v)
		o.hasLatency = true
	case "gap":
		o.gap, err = parseDuration(v)
		o.hasGap = true
	case "tokens":
		o.tokens, err = ParseDist(v)
		o.hasTok = true
		if err == nil && o.tokens.duration {
			err = fmt.Errorf("%.40q is a duration, want a number of tokens", v)
		}
	case "status":
		o.status, err = parseInt(v, 400, maxStatus-1)
	case "fail":
		err = o.setFail(v)
	case "error-rate":
		o.errorRate, err = strconv.ParseFloat(v, 64)
		if err != nil || !(o.errorRate >= 0 && o.errorRate <= 1) {
			err = fmt.Errorf("%.40q is not a share between 0 and 1", v)
		}
	case "tag":
		if o.tag = v; len(v) > maxTagLength {
			err = fmt.Errorf("%d bytes, want at most %d", len(v), maxTagLength)
		}
	case "pad":
		o.pad, err = parseInt(v, 0, maxPad)
	case "timestamps":
		o.timestamps, err = parseSwitch(v)
	case "cached-tokens":
		o.cached, err = parseInt(v, 0, maxDistCount)
	case "reasoning-tokens":
		o.reasoning, err = parseInt(v, 0, maxDistCount)
	case "cache-control":
		o.cacheControl = v
	default:
		err = errors.New("there is no such order")
	}
	if err != nil {
		return fmt.Errorf("X-Mock-%.40s: %w", name, err)
	}
	return nil
}

// setFail reads reset, close-early, garbage, hang, slow-headers or cut-stream=N.
func (o *order) setFail(v string) error {
	name, arg, hasArg := strings.Cut(v, "=")
	for _, f := range new(Faults).shares() {
		if f.name != name || f.fault <= faultOverload {
			continue
		}
		o.fault = f.fault
		if f.fault != faultCutStream {
			if hasArg {
				return fmt.Errorf("%s takes no value", name)
			}
			return nil
		}
		var err error
		o.cutAfter, err = parseInt(arg, 0, maxDistCount)
		return err
	}
	return fmt.Errorf("%.40q, want reset, close-early, garbage, hang, slow-headers or cut-stream=N", v)
}

func parseDuration(v string) (Dist, error) {
	d, err := ParseDist(v)
	if err == nil && !d.duration && d.a+d.b != 0 {
		err = fmt.Errorf("%.40q has no unit, want a duration such as 50ms", v)
	}
	return d, err
}

func parseInt(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%.40q, want a whole number from %d to %d", v, least, most)
	}
	return n, nil
}

func parseSwitch(v string) (bool, error) {
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%.40q, want 1 or 0", v)
	}
	return on, nil
}
