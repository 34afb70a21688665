package mock

import (
	"math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"
)

// exchange is the state of one counted request, from its first look to its last byte. One goroutine at a
// time holds it: the handler, then the body stream that the HTTP server reads on the same goroutine.
type exchange struct {
	srv   *Server
	ctx   *fasthttp.RequestCtx // not valid in a body stream
	conn  *conn                // nil only when a handler is called without a connection of ours
	route *route
	arg   string // what the path has in place of the pattern's {…}
	order order
	fault fault // due after the latency

	number  uint64
	started time.Time
	random  *rand.Rand
	timer   *time.Timer

	model     int
	tokensIn  int
	cached    int
	tokensOut int

	entered   bool // holds a place under the concurrency limit
	streaming bool // the body stream ends the exchange, not the handler
	faulted   bool
	over      bool
}

// handle is the HTTP server's handler.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	r, arg := s.routes.find(string(ctx.Path()))
	if r.admin != nil {
		r.admin(s, ctx)
		return
	}
	ex := &exchange{srv: s, ctx: ctx, route: r, arg: arg, model: -1, started: time.Now()}
	ex.conn, _ = ctx.Conn().(*conn)
	ex.number = s.sequence.Add(1)
	ex.run()
	if !ex.streaming {
		ex.finish(ctx.Response.StatusCode())
	}
}

// run takes a request through the checks that all endpoints share, then to its own handler.
func (ex *exchange) run() {
	var err error
	if ex.order, err = readOrder(ex.ctx); err != nil {
		ex.refuse(problem{status: 400, code: "invalid_mock_order", message: err.Error()})
		return
	}
	if !ex.route.allows(ex.ctx.Method()) {
		ex.ctx.Response.Header.Set("Allow", ex.route.methods)
		ex.refuse(problem{status: 405, code: "method_not_allowed", message: "This endpoint answers " + ex.route.methods + "."})
		return
	}
	if !ex.authorised() {
		return
	}
	if ex.entered = ex.srv.tally.enter(ex.srv.cfg.MaxConcurrent); !ex.entered {
		ex.refuse(problem{
			status: 429, code: "rate_limit_exceeded", retryAfter: time.Second,
			message: "Too many requests at a time. Please try again later.",
		})
		return
	}
	ex.pickFault()
	ex.route.serve(ex)
}

// rng returns the random numbers of this exchange: the same for the n-th request of every run with one seed.
func (ex *exchange) rng() *rand.Rand {
	if ex.random == nil {
		ex.random = rand.New(rand.NewPCG(ex.srv.cfg.Seed, ex.number))
	}
	return ex.random
}

// waking is why a wait ended.
type waking int

const (
	wakeDue waking = iota
	wakeGone
	wakeStopped
)

// waitUntil waits for a moment, or less when the client hangs up or the server is shut down.
func (ex *exchange) waitUntil(due time.Time) waking {
	var gone <-chan struct{} // of a request without a connection: never
	if ex.conn != nil {
		gone = ex.conn.gone
	}
	d := time.Until(due)
	if d <= 0 {
		select {
		case <-gone:
			return wakeGone
		case <-ex.srv.stop:
			return wakeStopped
		default:
			return wakeDue
		}
	}
	if ex.timer == nil {
		ex.timer = time.NewTimer(d)
	} else {
		ex.timer.Reset(d)
	}
	select {
	case <-gone:
		return wakeGone
	case <-ex.srv.stop:
		return wakeStopped
	case <-ex.timer.C:
		return wakeDue
	}
}

// think waits for the time of the first byte and lets the ordered or drawn fault happen. False means that
// the request is answered, or that nobody waits for an answer any more.
func (ex *exchange) think(base Dist, extra time.Duration) bool {
	if ex.order.hasLatency {
		base = ex.order.latency
	}
	wait := extra
	if !base.IsZero() {
		wait += base.Duration(ex.rng())
	}
	if wait > 0 || ex.fault != faultNone {
		switch ex.waitUntil(ex.started.Add(wait)) {
		case wakeGone:
			ex.abandon("waiting")
			return false
		case wakeStopped:
			ex.ctx.SetConnectionClose()
			ex.refuse(problem{status: 503, code: "shutting_down", message: "The server is shutting down."})
			return false
		}
	}
	return ex.passFaults()
}

// gap returns the distribution of the time between tokens.
func (ex *exchange) gap() Dist {
	if ex.order.hasGap {
		return ex.order.gap
	}
	return ex.srv.cfg.Gap
}

// abandon ends an exchange whose client hung up.
func (ex *exchange) abandon(phase string) {
	ex.srv.tally.abort(Abort{
		At: time.Now(), Endpoint: ex.route.name, Tag: ex.order.tag, Phase: phase,
		After: time.Since(ex.started), Tokens: ex.tokensOut,
	})
	ex.finish(statusGone)
	if ex.conn != nil {
		ex.conn.reset()
	}
}

// finish counts the exchange and gives its place back. Only the first call counts.
func (ex *exchange) finish(status int) {
	if ex.over {
		return
	}
	ex.over = true
	if ex.timer != nil {
		ex.timer.Stop()
	}
	if ex.entered {
		ex.srv.tally.leave()
	}
	if status < 0 || status >= maxStatus {
		status = statusNone
	}
	ex.srv.tally.end(ending{
		route: ex.route.index, status: status, tag: ex.order.tag, took: time.Since(ex.started), fault: ex.faulted,
		model: ex.model, tokensIn: ex.tokensIn, cached: ex.cached, tokensOut: ex.tokensOut,
	})
}
