package gateway

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/gateway/wire"
	"github.com/weir-gateway/weir/scheduler"
)

// forward takes the request to its upstream: queue, call, answer. If that cannot
// take it, the fallback upstreams have their turn, each with its own queue.
func (x *exchange) forward() {
	x.prepareRequest()
	primary := x.backend
	for next := 0; ; next++ {
		f := x.enqueue(x.backend)
		if f == nil {
			f = x.call(x.backend)
		}
		if f == nil {
			return
		}
		if !f.again || !x.replayable() || next >= len(primary.fallback) {
			x.fail(f)
			return
		}
		x.leaveSeat(false)
		x.backend = primary.fallback[next]
	}
}

// hasFallback tells whether another upstream can still be asked.
func (x *exchange) hasFallback() bool {
	chain := x.route.backend.fallback
	return len(chain) > 0 && x.backend != chain[len(chain)-1]
}

// replayable tells whether the request can be sent once more: its body is all in
// memory, or none of it has been read.
func (x *exchange) replayable() bool {
	return x.body.complete || (x.pump == nil && x.body.received == int64(len(x.body.held)))
}

// repeatable tells whether sending the request twice does no harm, should the
// upstream have acted on the first without answering (RFC 9110 section 9.2.2).
// Asking a model twice costs money and changes nothing.
func (x *exchange) repeatable() bool {
	switch string(x.c.req.Method()) {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE":
		return true
	}
	return x.backend.llm || x.c.req.Has(http1.IdempotencyKey)
}

// call sends the request to one endpoint after another, as the upstream's retry
// policy allows. nil means that an answer went to the client.
func (x *exchange) call(b *backend) *failure {
	b.pool.CountRequest()
	now := time.Now()
	x.callEnds = time.Time{}
	if total := b.cfg.Timeouts.Total; total > 0 && x.upgrade == nil {
		x.callEnds = now.Add(total)
	}
	if !x.deadline.IsZero() && (x.callEnds.IsZero() || x.deadline.Before(x.callEnds)) {
		x.callEnds = x.deadline
	}
	var tried upstream.Tried
	for n := 1; ; n++ {
		ep, err := b.pool.Pick(&tried)
		if err != nil {
			return failNoEndpoint
		}
		x.endpoint = ep
		x.attempts++
		a := attempt{x: x, b: b, ep: ep, last: n >= b.cfg.Retry.Attempts}
		f := a.run()
		x.callTime += time.Since(x.sent)
		if f == nil || !a.retry {
			return f
		}
		tried.Add(ep)
		if !x.backoff(n) {
			return failClientGone
		}
	}
}

// backoff waits a little before the next attempt, longer each time, and returns
// false when the client leaves meanwhile.
func (x *exchange) backoff(n int) bool {
	const base, most = 10 * time.Millisecond, 250 * time.Millisecond
	d := min(base<<min(n-1, 5), most)
	d = d/2 + time.Duration(x.snap.g.random()%uint64(d))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.c.aborted():
		return false
	}
}

// attempt is one try at one endpoint.
type attempt struct {
	x    *exchange
	b    *backend
	ep   *upstream.Endpoint
	last bool // no further try is allowed

	conn   *upstream.Conn
	buf    *wire.Buffer    // read from the upstream
	result upstream.Result // for breaker and health
	retry  bool            // another endpoint should be tried
	answer bool            // at least one byte of an answer arrived
}

// run makes the call and passes the answer on. nil means that the client has it.
func (a *attempt) run() *failure {
	defer a.settle()
	a.x.sent = time.Now()
	for fresh := false; ; fresh = true {
		if f := a.connect(fresh); f != nil {
			return f
		}
		f := a.exchange()
		stale := f != nil && a.conn.Reused && !a.answer && f == failUpstreamBroken
		if !stale || fresh || !a.x.replayable() || !a.x.repeatable() {
			return a.end(f)
		}
		// The upstream closed an idle connection while the request was on its
		// way. That says nothing about its health; a new connection will tell.
		a.drop()
	}
}

// settle ends the attempt, also when it panicked: then the connection is still
// here, in a state that nobody knows.
func (a *attempt) settle() {
	if a.conn != nil {
		a.drop()
	}
	a.buf.Free()
	a.ep.Done(a.result)
}

// connect gets a connection and puts it under the eyes of the client's watcher.
func (a *attempt) connect(fresh bool) *failure {
	x := a.x
	conn, err := a.ep.Acquire(upstream.Dial{Deadline: x.callEnds, Fresh: fresh, Abort: x.c.aborted})
	if err != nil {
		if x.c.clientGone() {
			a.result = upstream.Ignored
			return failClientGone
		}
		a.result = upstream.Failure
		f := failUpstreamConnect
		if !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
			return failDeadline
		}
		a.retry = a.mayRetry(upstream.CauseConnect)
		return f
	}
	a.conn = conn
	if !x.c.watchUpstream(conn) {
		a.drop()
		a.result = upstream.Ignored
		return failClientGone
	}
	return nil
}

// mayRetry asks policy and budget about another try.
func (a *attempt) mayRetry(cause upstream.Cause) bool {
	return !a.last && a.x.replayable() && a.b.pool.RetryOn(cause) && a.b.pool.AllowRetry()
}

// drop closes the connection of this attempt.
func (a *attempt) drop() {
	if p := a.x.pump; p != nil {
		p.stop()
	}
	a.x.c.unwatchUpstream()
	a.ep.Discard(a.conn)
	a.conn = nil
	a.buf.Free()
	a.buf = nil
}

// end gives the connection back and settles what the attempt says about the
// endpoint.
func (a *attempt) end(f *failure) *failure {
	x := a.x
	if a.conn != nil {
		reusable := f == nil && x.complete && a.buf.Len() == 0 && x.c.res.KeepAlive && x.c.res.Status != 101
		if p := x.pump; p != nil && !p.finished() {
			reusable = false
		}
		if reusable {
			x.c.unwatchUpstream()
			a.ep.Release(a.conn)
			a.conn = nil
		} else {
			a.drop()
		}
	}
	return f
}

// exchange sends the request and passes the answer on.
func (a *attempt) exchange() *failure {
	x := a.x
	if err := a.send(); err != nil && !a.mayHaveAnswered() {
		return a.broken(err)
	}
	n, err := a.readHead()
	if err != nil {
		return a.broken(err)
	}
	x.firstByte = time.Since(x.start)
	status := x.c.res.Status
	a.judge(status)
	if again, f := a.another(status); again {
		return f
	}
	if status == 101 {
		return a.tunnel(n)
	}
	return a.relay(n)
}

// mayHaveAnswered tells whether an upstream that stopped reading the request may
// have said why: a refusal of a large upload, for one.
func (a *attempt) mayHaveAnswered() bool {
	return !a.x.body.complete || len(a.x.body.held) > wire.MediumBuffer
}

// judge notes what a status says about the load and the health of the endpoint.
func (a *attempt) judge(status int) {
	x := a.x
	a.result, x.signal = upstream.Success, scheduler.SignalOK
	switch {
	case status == 429:
		a.result = upstream.Ignored
	case status >= 500 && status != 501 && status != 505:
		a.result = upstream.Failure
	}
	if status == 429 || status == 503 || status == 529 {
		x.signal = scheduler.SignalOverload
		x.advice = retryAfter(&x.c.res.Header)
	}
}

// another decides whether an answer with that status is thrown away for another
// try, here or at a fallback.
func (a *attempt) another(status int) (bool, *failure) {
	cause := upstream.CauseStatus(status)
	if status < 400 || !a.x.replayable() || !a.b.pool.RetryOn(cause) {
		return false, nil
	}
	a.retry = a.mayRetry(cause)
	if !a.retry && !a.x.hasFallback() {
		return false, nil
	}
	return true, failUpstreamBroken
}

// broken turns an error of the call into the answer for it.
func (a *attempt) broken(err error) *failure {
	x := a.x
	if p := x.pump; p != nil {
		p.stop()
		if p.fault != nil {
			a.result = upstream.Ignored
			return p.fault
		}
	}
	if x.c.clientGone() {
		a.result = upstream.Ignored
		return failClientGone
	}
	a.result = upstream.Failure
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.signal = scheduler.SignalOverload
		if !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
			a.result = upstream.Ignored
			return failDeadline
		}
		a.retry = x.repeatable() && a.mayRetry(upstream.CauseTimeout)
		return failUpstreamSlow
	}
	a.retry = x.repeatable() && !a.stale() && a.mayRetry(upstream.CauseReset)
	return failUpstreamBroken
}

// stale tells whether the failure may be that of an idle connection which the
// upstream had closed; run then tries once more by itself.
func (a *attempt) stale() bool { return a.conn.Reused && !a.answer }

// readHead reads up to the final head of the answer, whose length it returns, and
// passes informational ones on.
func (a *attempt) readHead() (int, error) {
	x := a.x
	for {
		n, err := a.readOneHead()
		if err != nil {
			return 0, err
		}
		switch s := x.c.res.Status; {
		case s >= 200, s == 101 && x.upgrade != nil:
			return n, nil
		case s == 101:
			return 0, errUnasked
		case s == 100:
			err = a.startBody()
		default:
			err = x.relayInformational()
		}
		if err != nil {
			return 0, err
		}
		a.buf.Skip(n)
	}
}

var errUnasked = errors.New("upstream switched protocols unasked")

// readOneHead reads until a head is complete.
func (a *attempt) readOneHead() (int, error) {
	x := a.x
	res := &x.c.res
	res.Reset()
	for {
		if a.buf.Len() > 0 {
			a.answer = true
			n, err := res.Parse(a.buf.Bytes(), x.snap.answerLimits)
			if err != nil || n > 0 {
				return n, err
			}
			if len(a.buf.Room()) == 0 {
				a.buf = a.buf.Grown(min(2*a.buf.Len(), x.snap.answerLimits.HeaderBytes+1))
				res.Rebase(a.buf.Bytes())
			}
		}
		if err := a.fillHead(); err != nil {
			return 0, err
		}
	}
}

// fillHead reads with the first-byte deadline. While the client waits for 100
// (Continue), it waits a second for the upstream's and then lets the client go
// on, as RFC 9110 section 10.1.1 wants of everyone who waits.
func (a *attempt) fillHead() error {
	x := a.x
	const patience = time.Second
	now := time.Now()
	if x.expects && !x.continued {
		if err := a.conn.ReadUntil(now.Add(patience)); err != nil {
			return err
		}
		if _, err := a.conn.Fill(&a.buf, wire.MediumBuffer); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return a.startBody()
	}
	if err := a.arm(now, a.b.cfg.Timeouts.FirstByte); err != nil {
		return err
	}
	_, err := a.conn.Fill(&a.buf, wire.MediumBuffer)
	return err
}

// arm sets the deadline of the next read from the upstream: d from now, but not
// beyond the end of the call.
func (a *attempt) arm(now time.Time, d time.Duration) error {
	ends := a.x.callEnds
	if !ends.IsZero() && (d <= 0 || ends.Sub(now) < d) {
		return a.conn.ReadUntil(ends)
	}
	return a.conn.ReadWithin(now, d)
}

// fill reads the next part of the answer.
func (a *attempt) fill(now time.Time) error {
	if err := a.arm(now, a.b.cfg.Timeouts.Idle); err != nil {
		return err
	}
	_, err := a.conn.Fill(&a.buf, wire.MediumBuffer)
	if err == io.EOF { //nolint:errorlint // Fill returns it bare
		return err
	}
	return err
}
