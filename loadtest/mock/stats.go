package mock

import "time"

// Stats is what a mock has counted since its start or its last Reset. A request is counted when it is over:
// a stream with its last byte, an aborted one when the hang-up was noticed. The admin endpoints and
// /metrics-free are not counted. Durations are nanoseconds in JSON.
type Stats struct {
	Since       time.Time     `json:"since"`
	Requests    int64         `json:"requests"`
	InFlight    int64         `json:"in_flight"`
	MaxInFlight int64         `json:"max_in_flight"`
	Aborted     int64         `json:"aborted"`         // the client hung up before the end
	Limited     int64         `json:"limited"`         // answered 429, for whatever reason
	Faulted     int64         `json:"faulted"`         // failed on purpose, by rate or by header
	ServiceTime time.Duration `json:"service_time_ns"` // summed over all requests
	Open        int           `json:"connections_open"`
	Accepted    int64         `json:"connections_accepted"` // since the start; Reset keeps it
	TokensIn    int64         `json:"tokens_in"`
	TokensOut   int64         `json:"tokens_out"`

	// Endpoints counts by route and status. 499 is an aborted request and 0 one without a valid
	// answer: reset, cut, garbage.
	Endpoints map[string]map[int]int64 `json:"endpoints"`
	Models    map[string]ModelStats    `json:"models"`
	Tags      map[string]TagStats      `json:"tags"`
	// Aborts describes the latest aborted requests, the oldest first, at most 256.
	Aborts []Abort `json:"aborts"`
}

// ModelStats counts the answers of one model. TokensOut is what was really sent, also of streams that
// were aborted or cut.
type ModelStats struct {
	Requests     int64 `json:"requests"`
	TokensIn     int64 `json:"tokens_in"`
	TokensCached int64 `json:"tokens_cached"`
	TokensOut    int64 `json:"tokens_out"`
}

// TagStats counts the requests with one X-Mock-Tag. Requests is the sum of the four outcomes.
type TagStats struct {
	Requests    int64         `json:"requests"`
	Succeeded   int64         `json:"succeeded"`
	Limited     int64         `json:"limited"`
	Aborted     int64         `json:"aborted"`
	Failed      int64         `json:"failed"`
	TokensIn    int64         `json:"tokens_in"`
	TokensOut   int64         `json:"tokens_out"`
	ServiceTime time.Duration `json:"service_time_ns"`
}

// Abort describes a request whose client hung up.
type Abort struct {
	At       time.Time     `json:"at"` // when it was noticed
	Endpoint string        `json:"endpoint"`
	Tag      string        `json:"tag,omitempty"`
	Phase    string        `json:"phase"` // "waiting" before the first byte, "streaming" after it
	After    time.Duration `json:"after_ns"`
	Tokens   int           `json:"tokens"` // sent until then
}
