package gateway

import (
	"errors"
	"os"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/telemetry"
)

// finish ends every exchange, whatever became of it: the seat is given back, the
// metrics are counted and the log gets its line.
func (x *exchange) finish() {
	if x.finished {
		return // a panic in here must not count the request twice
	}
	x.finished = true
	x.leaveSeat(x.complete)
	now := time.Now()
	g := x.snap.g
	if x.pump != nil {
		x.pump.stop()
	}
	if !x.body.ended && !x.unreadable {
		x.close = true
		x.unread = 1
	}
	g.inFlight.Add(-1)
	if x.stream {
		g.streams.Add(-1)
	}
	x.observe(g, now)
	x.log(g, now)
}

func (x *exchange) outcome() outcome {
	switch {
	case x.failure == nil:
		return outcomeDone
	case x.failure.outcome != outcomeDone:
		return x.failure.outcome
	}
	return outcomeRejected
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

func asParse(err error, p **http1.ParseError) bool { return errors.As(err, p) }

func (x *exchange) observe(g *Gateway, now time.Time) {
	series := x.snap.unrouted
	if x.route != nil {
		series = x.route.series[x.class]
	}
	o := telemetry.Observation{
		Code:      x.loggedStatus(),
		Duration:  now.Sub(x.start),
		QueueWait: x.wait,
		Queued:    !x.granted.IsZero(),
		FirstByte: x.firstByte,
		Upstream:  x.callTime,
	}
	if x.outcome() == outcomeRejected {
		o.Reason = x.failure.code
	}
	series.Observe(&o)
	if x.dropped > 0 {
		g.telemetry.DroppedClaims(x.dropped)
	}
	if x.outcome() == outcomeClientGone {
		g.telemetry.ClientGone(x.stage())
	}
}

// stage says how far the request had come when its client left.
func (x *exchange) stage() string {
	switch {
	case x.headSent:
		return "streaming"
	case x.attempts > 0:
		return "upstream"
	}
	return "queued"
}

// loggedStatus is the status in metrics and log: 499 for a client that left
// before its answer began.
func (x *exchange) loggedStatus() int {
	if x.status == 0 {
		return statusClientGone
	}
	return x.status
}

func (x *exchange) log(g *Gateway, now time.Time) {
	if !g.access.Enabled() {
		return
	}
	r := &x.c.req
	rec := telemetry.Record{
		Time:             x.start,
		RequestID:        x.id(),
		Remote:           x.c.peer,
		Status:           x.loggedStatus(),
		Outcome:          x.outcome().String(),
		QueueWait:        x.wait,
		FirstByte:        x.firstByte,
		UpstreamDuration: x.callTime,
		Duration:         now.Sub(x.start),
		BytesIn:          x.body.received,
		BytesOut:         x.bytesOut,
		Attempts:         x.attempts,
		Stream:           x.stream,
		Tenant:           x.attrs.Tenant,
		User:             x.attrs.User,
		Tier:             x.attrs.Tier,
		Campaign:         x.attrs.Campaign,
		Business:         x.attrs.Business,
		Mode:             x.attrs.Mode,
	}
	if x.failure != nil {
		rec.Code = x.failure.code
	}
	if !x.unreadable {
		rec.Remote = x.snap.proxies.ClientAddr(x.c.peer, &r.Header)
		rec.Method, rec.Host, rec.Target = r.Method(), r.Host(), r.Target()
		rec.UserAgent = r.Get(http1.UserAgent)
		rec.Proto = protoName(r.Minor)
		rec.Model = x.model
		rec.UpstreamRequestID = x.upstreamID
	}
	if x.principal != nil {
		rec.Principal = x.principal.Name
	}
	if x.route != nil {
		rec.Route, rec.Class, rec.Upstream = x.route.name, x.snap.className(x.class), x.backend.name
	}
	if x.endpoint != nil {
		rec.Endpoint = x.endpoint.String()
	}
	g.access.Log(&rec)
}

func protoName(minor uint8) string {
	if minor == 0 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}
