package gateway

import (
	"errors"
	"strconv"
	"time"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/scheduler"
)

// failure is an answer that Weir makes itself.
type failure struct {
	status     int
	kind       string // the "type" of the error body, as the OpenAI API names them
	code       string
	message    string
	retryAfter time.Duration
	position   int

	close   bool // the connection cannot be used again
	again   bool // another upstream may do better
	outcome outcome
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// outcome says how an exchange ended, for the access log.
type outcome uint8

const (
	outcomeDone outcome = iota
	outcomeRejected
	outcomeUpstreamFailed
	outcomeClientGone
)

func (o outcome) String() string {
	switch o {
	case outcomeRejected:
		return "rejected"
	case outcomeUpstreamFailed:
		return "upstream_failed"
	case outcomeClientGone:
		return "client_gone"
	default:
		return "done"
	}
}

// Kinds of error, in the terms of the OpenAI and Anthropic APIs.
const (
	kindInvalid      = "invalid_request_error"
	kindAuth         = "authentication_error"
	kindPermission   = "permission_error"
	kindNotFound     = "not_found_error"
	kindRateLimit    = "rate_limit_error"
	kindOverloaded   = "overloaded_error"
	kindTimeout      = "timeout_error"
	kindUpstream     = "upstream_error"
	statusClientGone = 499 // as nginx logs it; never sent
)

// Failures without variable parts.
var (
	failSlowHeader = &failure{
		status: 408, kind: kindTimeout, code: "slow_client", close: true,
		message: "the request head did not arrive within server.limits.header_timeout",
	}
	failSlowBody = &failure{
		status: 408, kind: kindTimeout, code: "slow_client", close: true,
		message: "the request body arrived slower than server.limits.body_timeout allows",
	}
	failBodyTooLarge = &failure{
		status: 413, kind: kindInvalid, code: "body_too_large", close: true,
		message: "the request body is larger than server.limits.body_bytes",
	}
	failExpectation = &failure{
		status: 417, kind: kindInvalid, code: "expectation_failed", close: true,
		message: "the only expectation that can be met is 100-continue",
	}
	failConnect = &failure{
		status: 405, kind: kindInvalid, code: "method_not_allowed", close: true,
		message: "CONNECT is not supported: Weir is not a forward proxy",
	}
	failNoKey = &failure{
		status: 401, kind: kindAuth, code: "no_api_key",
		message: "no API key; send one as \"Authorization: Bearer KEY\"",
	}
	failUnknownKey = &failure{
		status: 401, kind: kindAuth, code: "invalid_api_key",
		message: "the API key or token is not known here or no longer valid",
	}
	failIdentityDown = &failure{
		status: 503, kind: kindOverloaded, code: "identity_unavailable", retryAfter: 5 * time.Second,
		message: "tokens cannot be verified now: the identity provider's keys have not been fetched",
	}
	failClaim = &failure{
		status: 400, kind: kindInvalid, code: "invalid_claim",
		message: "an X-Weir-* header has a value that cannot be used",
	}
	failTimeoutField = &failure{
		status: 400, kind: kindInvalid, code: "invalid_timeout",
		message: "X-Weir-Timeout is not a positive duration such as 20s",
	}
	failNoRoute = &failure{
		status: 404, kind: kindNotFound, code: "no_route",
		message: "no route for this host and path",
	}
	failMethod = &failure{
		status: 405, kind: kindInvalid, code: "method_not_allowed",
		message: "no route takes this method on this path",
	}
	failPath = &failure{
		status: 400, kind: kindInvalid, code: "ambiguous_path",
		message: "the path contains dot segments; send it resolved",
	}
	failDuplicateKey = &failure{
		status: 400, kind: kindInvalid, code: "duplicate_key",
		message: "the JSON body has the same key twice at its top level; parsers differ on which one counts",
	}
	failDraining = &failure{
		status: 503, kind: kindOverloaded, code: "draining", close: true, retryAfter: time.Second,
		message: "this instance is shutting down; send the request again",
	}
	failNoEndpoint = &failure{
		status: 503, kind: kindOverloaded, code: "overloaded", again: true, retryAfter: time.Second,
		message: "no endpoint of the upstream takes requests now",
	}
	failUpstreamConnect = &failure{
		status: 502, kind: kindUpstream, code: "upstream_unreachable", again: true,
		message: "the upstream could not be reached", outcome: outcomeUpstreamFailed,
	}
	failUpstreamBroken = &failure{
		status: 502, kind: kindUpstream, code: "upstream_broken", again: true,
		message: "the upstream closed the connection or answered with something other than HTTP", outcome: outcomeUpstreamFailed,
	}
	failUpstreamSlow = &failure{
		status: 504, kind: kindTimeout, code: "upstream_timeout", again: true,
		message: "the upstream did not answer in time", outcome: outcomeUpstreamFailed,
	}
	failDeadline = &failure{
		status: 504, kind: kindTimeout, code: "deadline_exceeded",
		message: "the answer did not arrive within X-Weir-Timeout", outcome: outcomeUpstreamFailed,
	}
	failClientGone = &failure{status: statusClientGone, code: "client_gone", close: true, outcome: outcomeClientGone}
	failInternal   = &failure{
		status: 500, kind: "server_error", code: "internal_error", close: true,
		message: "an error in the gateway; its log has the request id",
	}
)

var errClientGone = errors.New("client has hung up")

// parseFailure turns a codec error into the answer for it.
func parseFailure(err error) *failure {
	var p *http1.ParseError
	if !errors.As(err, &p) {
		return failInternal
	}
	f := &failure{status: p.Status, kind: kindInvalid, message: p.Msg, close: true}
	switch p.Status {
	case 414:
		f.code = "target_too_long"
	case 431:
		f.code = "header_too_large"
	case 501:
		f.code = "not_implemented"
	case 505:
		f.code = "version_not_supported"
	default:
		f.code = "malformed_request"
	}
	return f
}

// bodyFailure turns an error of reading the request body into the answer for it.
func bodyFailure(err error) *failure {
	switch {
	case errors.Is(err, errBodyTooLarge):
		return failBodyTooLarge
	case errors.Is(err, errSlowBody):
		return failSlowBody
	case errors.Is(err, errClientGone):
		return failClientGone
	}
	return parseFailure(err)
}

// queueFailure turns the end of a wait into the answer for it.
func queueFailure(err error) *failure {
	var r *scheduler.Rejection
	if !errors.As(err, &r) {
		if errors.Is(err, errClientGone) {
			return failClientGone
		}
		return failInternal
	}
	f := &failure{status: 503, kind: kindOverloaded, retryAfter: r.RetryAfter, position: r.Position}
	switch r.Reason {
	case scheduler.ReasonQueueFull, scheduler.ReasonDisplaced, scheduler.ReasonBytes:
		f.status, f.kind, f.code = 429, kindRateLimit, "queue_full"
		f.message = "the queue of class " + strconv.Quote(r.Class) + " is full"
	case scheduler.ReasonExpired:
		f.code = "queue_timeout"
		f.message = "no capacity within the time that class " + strconv.Quote(r.Class) + " or the caller allows"
	case scheduler.ReasonPredictedWait:
		f.code = "overloaded"
		f.message = "the wait in class " + strconv.Quote(r.Class) + " would be longer than the request may wait"
	case scheduler.ReasonDraining:
		f.code = "draining"
		f.message = "class " + strconv.Quote(r.Class) + " takes no new requests"
	default:
		return failClientGone
	}
	return f
}
