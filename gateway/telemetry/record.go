package telemetry

import (
	"net/netip"
	"time"
)

// Record is one request in the access log. The fields are in the order of the
// line; the key of each is beside it. Text that is empty is left out of the
// line, numbers and booleans never are. Durations are written in milliseconds
// with three decimals. Slices are read during the call of Log only.
type Record struct {
	Time              time.Time     // time: when the request began; RFC 3339, milliseconds, the zone as an offset or Z
	RequestID         []byte        // request_id
	UpstreamRequestID []byte        // upstream_request_id: what the upstream called it
	Remote            netip.Addr    // remote: address of the client
	Method            []byte        // method
	Host              []byte        // host
	Target            []byte        // target: path and query; values of secret parameters are written ***
	Proto             string        // proto: HTTP/1.1
	Status            int           // status: what the client got, 499 if it left before
	Outcome           string        // outcome: done, rejected, client_gone, upstream_failed, ...
	Code              string        // code: of the error Weir answered with
	Route             string        // route
	Class             string        // class
	Flow              string        // flow: what shares fairly inside the class
	Principal         string        // principal: name of the key or subject of the token
	Tenant            string        // tenant
	User              string        // user
	Tier              string        // tier
	Campaign          string        // campaign
	Business          string        // business
	Mode              string        // mode
	Model             []byte        // model: as the request named it
	Upstream          string        // upstream
	Endpoint          string        // endpoint: URL without credentials
	Attempts          int           // attempts: calls of the upstream, retries included
	Stream            bool          // stream: the answer was an event stream
	QueueWait         time.Duration // queue_ms
	FirstByte         time.Duration // first_byte_ms: from the start of the request
	UpstreamDuration  time.Duration // upstream_ms
	Duration          time.Duration // duration_ms
	BytesIn           int64         // bytes_in: of the request's body
	BytesOut          int64         // bytes_out: to the client, heads included
	UserAgent         []byte        // user_agent
}

// OutcomeRejected is the Outcome of requests that Weir refused; they are logged
// whatever the sampling.
const OutcomeRejected = "rejected"

// Bounds on text that clients choose, in bytes. What is longer is cut and ends
// in "...".
const (
	maxTarget = 8 << 10
	maxText   = 1 << 10
)

// append writes r as a JSON object and a newline.
func (r *Record) append(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = appendTime(b, r.Time)
	b = append(b, '"')
	b = appendField(b, `,"request_id":`, r.RequestID)
	b = appendField(b, `,"upstream_request_id":`, r.UpstreamRequestID)
	b = r.appendRequest(b)
	b = appendInt(b, `,"status":`, int64(r.Status))
	b = appendField(b, `,"outcome":`, r.Outcome)
	b = appendField(b, `,"code":`, r.Code)
	b = r.appendCaller(b)
	b = appendField(b, `,"upstream":`, r.Upstream)
	b = appendField(b, `,"endpoint":`, r.Endpoint)
	b = appendInt(b, `,"attempts":`, int64(r.Attempts))
	b = appendBool(b, `,"stream":`, r.Stream)
	b = r.appendMeasures(b)
	b = appendField(b, `,"user_agent":`, r.UserAgent)
	return append(b, '}', '\n')
}

func (r *Record) appendRequest(b []byte) []byte {
	if r.Remote.IsValid() {
		b = append(b, `,"remote":"`...)
		b = r.Remote.WithZone("").AppendTo(b)
		b = append(b, '"')
	}
	b = appendField(b, `,"method":`, r.Method)
	b = appendField(b, `,"host":`, r.Host)
	b = appendTargetField(b, `,"target":`, r.Target)
	return appendField(b, `,"proto":`, r.Proto)
}

func (r *Record) appendCaller(b []byte) []byte {
	b = appendField(b, `,"route":`, r.Route)
	b = appendField(b, `,"class":`, r.Class)
	b = appendField(b, `,"flow":`, r.Flow)
	b = appendField(b, `,"principal":`, r.Principal)
	b = appendField(b, `,"tenant":`, r.Tenant)
	b = appendField(b, `,"user":`, r.User)
	b = appendField(b, `,"tier":`, r.Tier)
	b = appendField(b, `,"campaign":`, r.Campaign)
	b = appendField(b, `,"business":`, r.Business)
	b = appendField(b, `,"mode":`, r.Mode)
	return appendField(b, `,"model":`, r.Model)
}

func (r *Record) appendMeasures(b []byte) []byte {
	b = appendMillis(b, `,"queue_ms":`, r.QueueWait)
	b = appendMillis(b, `,"first_byte_ms":`, r.FirstByte)
	b = appendMillis(b, `,"upstream_ms":`, r.UpstreamDuration)
	b = appendMillis(b, `,"duration_ms":`, r.Duration)
	b = appendInt(b, `,"bytes_in":`, r.BytesIn)
	return appendInt(b, `,"bytes_out":`, r.BytesOut)
}
