package upstream

import "time"

// Config describes one upstream: a named pool of endpoints that can answer the
// same requests.
type Config struct {
	Name       string           `yaml:"name" json:"name"`
	Protocol   string           `yaml:"protocol,omitempty" json:"protocol,omitempty" jsonschema:"enum=openai,enum=anthropic,enum=gemini,enum=http,default=http"`
	Endpoints  []EndpointConfig `yaml:"endpoints" json:"endpoints"`
	Balance    string           `yaml:"balance,omitempty" json:"balance,omitempty" jsonschema:"enum=least_in_flight,enum=two_choices,enum=weighted,default=two_choices"`
	Capacity   Capacity         `yaml:"capacity,omitempty" json:"capacity,omitempty"`
	Timeouts   Timeouts         `yaml:"timeouts,omitempty" json:"timeouts,omitempty"`
	Retry      Retry            `yaml:"retry,omitempty" json:"retry,omitempty"`
	Breaker    Breaker          `yaml:"breaker,omitempty" json:"breaker,omitempty"`
	Health     Health           `yaml:"health,omitempty" json:"health,omitempty"`
	Fallback   []string         `yaml:"fallback,omitempty" json:"fallback,omitempty" jsonschema:"description=Upstreams to try in order when no endpoint of this one can take the request"`
	TLS        ClientTLS        `yaml:"tls,omitempty" json:"tls,omitempty"`
	HostHeader string           `yaml:"host_header,omitempty" json:"host_header,omitempty" jsonschema:"enum=preserve,enum=endpoint,description=Host sent upstream; default preserve for protocol http over plain http and endpoint otherwise"`
	Forwarded  *bool            `yaml:"forwarded,omitempty" json:"forwarded,omitempty" jsonschema:"default=true,description=Send X-Forwarded-* and Forwarded"`
	Pool       ConnPool         `yaml:"pool,omitempty" json:"pool,omitempty"`
}

// EndpointConfig is one URL of an upstream. At most one of KeyEnv and KeyFile is
// set. A weight of zero in YAML takes the endpoint out of use without closing
// what is under way.
type EndpointConfig struct {
	URL       string `yaml:"url" json:"url" jsonschema:"description=http(s)://host[:port][/prefix] or unix:///path"`
	KeyEnv    string `yaml:"key_env,omitempty" json:"key_env,omitempty" jsonschema:"description=Environment variable that holds the key"`
	KeyFile   string `yaml:"key_file,omitempty" json:"key_file,omitempty" jsonschema:"description=File that holds the key"`
	KeyHeader string `yaml:"key_header,omitempty" json:"key_header,omitempty" jsonschema:"description=Field that carries the bare key instead of the protocol's own; api-key for Azure OpenAI"`
	Weight    int    `yaml:"weight" json:"weight,omitempty" jsonschema:"default=1,minimum=0"`

	decoded bool // from YAML, so a zero was written
}

// Capacity says how much an upstream can take.
type Capacity struct {
	Seats      Seats `yaml:"seats,omitempty" json:"seats,omitempty" jsonschema:"description=A number or the word adaptive"`
	MinSeats   int   `yaml:"min_seats,omitempty" json:"min_seats,omitempty" jsonschema:"default=4"`
	MaxSeats   int   `yaml:"max_seats,omitempty" json:"max_seats,omitempty" jsonschema:"default=256"`
	QueueLimit int   `yaml:"queue_limit,omitempty" json:"queue_limit,omitempty" jsonschema:"default=20000,description=Requests that may wait for this upstream over all classes"`
	QueueBytes Bytes `yaml:"queue_bytes,omitempty" json:"queue_bytes,omitempty" jsonschema:"default=256MiB,description=Memory that waiting requests may hold"`
	QueueFlows int   `yaml:"queue_flows,omitempty" json:"queue_flows,omitempty" jsonschema:"default=65536"`
}

// Seats is a fixed number of seats, or adaptive.
type Seats struct {
	Adaptive bool
	N        int
}

// Bytes is an amount of memory, written 64KiB, 1.5MiB, 10MB or as a number. -1
// stands for no limit where a setting allows that.
type Bytes int64

// Timeouts are the four deadlines of a call. Zero, when it is written in YAML,
// means none.
type Timeouts struct {
	Connect   time.Duration `yaml:"connect" json:"connect,omitempty" jsonschema:"default=2s"`
	FirstByte time.Duration `yaml:"first_byte" json:"first_byte,omitempty" jsonschema:"default=60s,description=From the request sent to the first byte of the answer"`
	Idle      time.Duration `yaml:"idle" json:"idle,omitempty" jsonschema:"default=60s,description=Between two reads of the answer"`
	Total     time.Duration `yaml:"total" json:"total,omitempty" jsonschema:"default=10m"`

	decoded bool // from YAML, so a zero was written
}

// Retry says when a call is made again. Nothing is retried once a byte of an
// answer has reached the client.
type Retry struct {
	Attempts      int      `yaml:"attempts,omitempty" json:"attempts,omitempty" jsonschema:"default=2,description=Calls in all, the first included"`
	On            []string `yaml:"on" json:"on,omitempty" jsonschema:"description=connect\\, reset\\, timeout and status codes or classes such as 5xx; default connect\\, reset\\, 429\\, 502\\, 503\\, 504"`
	BudgetPercent int      `yaml:"budget_percent" json:"budget_percent,omitempty" jsonschema:"default=20,minimum=0,maximum=100,description=Retries as a share of requests over the last ten seconds; three are always allowed"`

	decoded bool // from YAML, so a zero was written
}

// Breaker says when an endpoint is left alone for a while.
type Breaker struct {
	Failures int           `yaml:"failures,omitempty" json:"failures,omitempty" jsonschema:"default=5,description=Consecutive failures that open it"`
	OpenFor  time.Duration `yaml:"open_for,omitempty" json:"open_for,omitempty" jsonschema:"default=10s"`
}

// Health is active checking of every endpoint. Without a path there is none.
type Health struct {
	Path      string        `yaml:"path,omitempty" json:"path,omitempty"`
	Interval  time.Duration `yaml:"interval,omitempty" json:"interval,omitempty" jsonschema:"default=5s"`
	Timeout   time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty" jsonschema:"default=2s"`
	Healthy   int           `yaml:"healthy,omitempty" json:"healthy,omitempty" jsonschema:"default=2,description=Good checks in a row that bring an endpoint back"`
	Unhealthy int           `yaml:"unhealthy,omitempty" json:"unhealthy,omitempty" jsonschema:"default=3,description=Bad checks in a row that take it out"`
}

// ClientTLS is how endpoints with an https URL are verified.
type ClientTLS struct {
	CAFile             string `yaml:"ca_file,omitempty" json:"ca_file,omitempty"`
	CertFile           string `yaml:"cert_file,omitempty" json:"cert_file,omitempty"`
	KeyFile            string `yaml:"key_file,omitempty" json:"key_file,omitempty"`
	ServerName         string `yaml:"server_name,omitempty" json:"server_name,omitempty"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty" json:"insecure_skip_verify,omitempty"`
}

// ConnPool bounds the connections to one endpoint. Zeros that are written in YAML
// mean: no connection is kept, no limit, no limit, names are resolved once.
type ConnPool struct {
	MaxIdle     int           `yaml:"max_idle" json:"max_idle,omitempty" jsonschema:"default=512,minimum=0,description=Connections kept between calls to one endpoint"`
	IdleTimeout time.Duration `yaml:"idle_timeout" json:"idle_timeout,omitempty" jsonschema:"default=30s,description=Should be shorter than that of the endpoint"`
	MaxLifetime time.Duration `yaml:"max_lifetime" json:"max_lifetime,omitempty" jsonschema:"default=10m,description=Age at which a connection is no longer used again"`
	DNSRefresh  time.Duration `yaml:"dns_refresh" json:"dns_refresh,omitempty" jsonschema:"default=30s,description=How often host names are resolved; the last good addresses stay when that fails"`

	decoded bool // from YAML, so a zero was written
}
