package gateway

import (
	"bytes"
	"encoding/hex"
	"errors"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/gateway/wire"
	"github.com/weir-gateway/weir/scheduler"
)

// exchange is one request on its way through the gateway. It lives inside its
// connection and is used again; begin is where all of it is set.
type exchange struct {
	c     *clientConn
	snap  *snapshot // the configuration it is served with, from begin to finish
	start time.Time
	body  requestBody

	// What the early stages found out.
	requestID  [requestIDLen]byte
	callerID   []byte // the X-Request-Id of a trusted caller, copied; empty for none
	principal  *identity.Principal
	credential identity.Credential
	attrs      identity.Attributes
	dropped    int // X-Weir-* claims that were not believed
	class      int
	route      *route
	facts      routing.BodyFacts
	model      []byte    // as the body names it
	deadline   time.Time // the caller's; zero for none
	flow       []byte    // scratch for the flow's name
	forwarding []byte    // scratch for the forwarding fields

	// The queue.
	backend *backend
	ticket  scheduler.Ticket
	seated  bool
	granted time.Time
	charged time.Time
	signal  scheduler.Signal
	advice  time.Duration // Retry-After of the upstream
	wait    time.Duration

	// The call.
	endpoint  *upstream.Endpoint
	attempts  int
	sent      time.Time // the last attempt began
	callEnds  time.Time // total deadline; zero for none
	firstByte time.Duration
	callTime  time.Duration
	pump      *bodyPump
	upgrade   []byte // protocols that the client wants to switch to
	trailers  bool   // the client takes trailer fields
	switched  []byte // the one that the upstream switched to

	// The answer.
	chunks     http1.ChunkReader // of the upstream's body
	upstreamID []byte            // the upstream's own X-Request-Id
	failure    *failure
	status     int
	headSent   bool
	stream     bool // event stream: counted in weir_streams
	complete   bool // the answer was passed on to its end
	close      bool // the connection ends after this exchange
	unread     int  // not 0: parts of the request may be left on the connection
	continued  bool // 100 (Continue) was sent or will not be
	expects    bool
	bytesOut   int64

	unreadable bool // the request has no usable head
	finished   bool
	head       bool // HEAD
}

const requestIDLen = 32

// begin readies x for the request whose head is in c.req. x.start has been set
// when its first byte arrived.
func (x *exchange) begin(snap *snapshot) {
	*x = exchange{
		c: x.c, snap: snap, start: x.start, body: x.body, chunks: x.chunks,
		flow: x.flow[:0], callerID: x.callerID[:0], forwarding: x.forwarding[:0], upstreamID: x.upstreamID[:0], switched: x.switched[:0], model: x.model[:0],
	}
	x.makeRequestID()
	snap.g.inFlight.Add(1)
}

// serve takes the request through the stages. Each says whether the next one may
// have it.
func (x *exchange) serve() {
	defer x.recoverPanic()
	if x.receive() && x.identify() && x.findRoute() && x.inspect() && x.classify() {
		x.forward()
	}
	x.finish()
}

// recoverPanic keeps one request's bug from ending the process.
func (x *exchange) recoverPanic() {
	p := recover()
	if p == nil {
		return
	}
	x.snap.g.logPanic(p, x)
	x.close = true
	if x.pump != nil {
		x.pump.stop()
	}
	if !x.headSent {
		x.fail(failInternal)
	}
	x.finish()
}

// receive checks what does not depend on who is calling.
func (x *exchange) receive() bool {
	r := &x.c.req
	x.close = !r.KeepAlive || x.snap.g.draining.Load()
	x.head = string(r.Method()) == "HEAD"
	x.body.begin(r, int64(x.snap.cfg.Server.Limits.BodyBytes))
	if string(r.Method()) == "CONNECT" {
		return x.fail(failConnect)
	}
	if limit := x.body.limit; limit >= 0 && r.ContentLength > limit {
		return x.fail(failBodyTooLarge)
	}
	if r.Has(http1.Expect) {
		expects, ok := r.ExpectsContinue()
		if !ok {
			return x.fail(failExpectation)
		}
		x.expects = expects && r.HasBody()
	}
	x.upgrade = r.UpgradeRequested()
	x.trailers = http1.HasToken(r.Get(http1.TE), "trailers")
	if x.snap.g.refusing.Load() {
		return x.fail(failDraining)
	}
	x.body.holdArrived()
	return true
}

// identify finds out who is calling and takes everything out of the request that
// only Weir may vouch for.
func (x *exchange) identify() bool {
	r := &x.c.req
	p, cred, err := x.snap.identifier.Identify(&r.Header, r.Query())
	if err != nil {
		return x.fail(identityFailure(err))
	}
	x.principal, x.credential = p, cred
	if x.attrs, x.dropped, err = x.snap.identifier.Apply(p, &r.Header); err != nil {
		return x.fail(failClaim)
	}
	if v := r.Get(http1.XWeirTimeout); v != nil {
		d, ok := parseTimeout(v)
		if !ok {
			return x.fail(failTimeoutField)
		}
		x.deadline = x.start.Add(d)
	}
	if r.Has(http1.XRequestID) {
		x.callerID = append(x.callerID, x.snap.identifier.CallerRequestID(p, x.c.peer, &r.Header)...)
	}
	return true
}

func identityFailure(err error) *failure {
	switch {
	case errors.Is(err, identity.ErrNoCredential):
		return failNoKey
	case errors.Is(err, identity.ErrUnavailable):
		return failIdentityDown
	case errors.Is(err, identity.ErrAmbiguousCredential):
		return &failure{status: 400, kind: kindInvalid, code: "ambiguous_credential", message: "the request carries several credentials that differ"}
	}
	return failUnknownKey
}

// findRoute picks the route and with it the upstream.
func (x *exchange) findRoute() bool {
	r := &x.c.req
	i, verdict := x.snap.routes.Match(r.Method(), r.Host(), r.Path())
	switch verdict {
	case routing.Matched:
		x.route = &x.snap.route[i]
		x.backend = x.route.backend
		return true
	case routing.MethodMismatch:
		return x.fail(failMethod)
	case routing.AmbiguousPath:
		return x.fail(failPath)
	}
	return x.fail(failNoRoute)
}

// inspect reads the JSON body of a request to an LLM as far as the mode and the
// cost depend on it.
func (x *exchange) inspect() bool {
	if !x.backend.llm || !x.c.req.HasBody() || !isJSON(x.c.req.Get(http1.ContentType)) {
		return true
	}
	if enc := x.c.req.Get(http1.ContentEncoding); enc != nil && !http1.EqualFold(enc, "identity") {
		return true
	}
	if err := x.body.hold(int(x.snap.cfg.Server.Limits.InspectBytes)); err != nil {
		return x.fail(bodyFailure(err))
	}
	facts, err := routing.ScanBody(x.body.held, x.body.complete)
	if err != nil {
		return x.fail(failDuplicateKey)
	}
	x.facts = facts
	x.model = append(x.model[:0], facts.Model[:min(len(facts.Model), maxModel)]...)
	return true
}

// maxModel bounds what is remembered of a model's name.
const maxModel = 128

func isJSON(contentType []byte) bool {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	contentType = bytes.TrimSpace(contentType)
	return http1.EqualFold(contentType, "application/json") ||
		(len(contentType) > 5 && http1.EqualFold(contentType[len(contentType)-5:], "+json"))
}

// classify picks the priority class and the flow.
func (x *exchange) classify() bool {
	if x.attrs.Mode == "" {
		x.attrs.Mode = x.requestMode()
	}
	value, known := x.snap.campaign(&x.attrs)
	x.class = x.snap.classifier.Classify(&x.attrs, value, known, x.route.name)
	x.flow = x.snap.classifier.FlowKey(x.flow[:0], x.class, &x.attrs, x.principal.Name)
	return true
}

// The modes of a request, in the terms of the configuration.
const (
	modeRealtime    = "realtime"
	modeInteractive = "interactive"
)

// requestMode derives the mode from the request itself: whoever asks for a
// stream is waiting for it.
func (x *exchange) requestMode() string {
	r := &x.c.req
	switch {
	case x.facts.Stream,
		x.backend.llm && bytes.HasSuffix(r.Path(), []byte(":streamGenerateContent")),
		x.upgrade != nil,
		bytes.Contains(r.Get(http1.Accept), []byte("text/event-stream")):
		return modeRealtime
	}
	return modeInteractive
}

// parseTimeout reads X-Weir-Timeout, a Go duration or a number of seconds.
func parseTimeout(v []byte) (time.Duration, bool) {
	s := string(v)
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	return d, err == nil && d > 0 && d <= 24*time.Hour
}

// makeRequestID makes an id that sorts by time: 12 hexadecimal digits of
// milliseconds and 20 of randomness.
func (x *exchange) makeRequestID() {
	var b [requestIDLen / 2]byte
	ms := uint64(x.start.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	r1, r2 := x.snap.g.random(), x.snap.g.random()
	for i := range 8 {
		b[6+i] = byte(r1 >> (8 * i))
	}
	b[14], b[15] = byte(r2), byte(r2>>8)
	hex.Encode(x.requestID[:], b[:])
}

// id returns the request's id: the caller's own if it may set it.
func (x *exchange) id() []byte {
	if len(x.callerID) > 0 {
		return x.callerID
	}
	return x.requestID[:]
}

// sendContinue tells a client that waits for it to send its body.
func (x *exchange) sendContinue() error {
	if !x.expects || x.continued {
		return nil
	}
	x.continued = true
	return x.c.write(time.Now(), []byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

// shrink gives most of the memory of a request back that has been sent and will
// not be sent again, while its answer streams.
func (x *exchange) shrink() {
	c := x.c
	if !x.body.ended || c.in.Len() != c.used || c.in.Cap() <= wire.SmallBuffer {
		return
	}
	x.body.releaseHeld()
	block := c.req.Block()
	small := wire.NewBuffer(len(block))
	if small.Cap() >= c.in.Cap() {
		small.Free()
		return
	}
	small.Append(block)
	c.req.Rebase(small.Bytes())
	c.in.Free()
	c.in = small
	c.used = small.Len()
}
