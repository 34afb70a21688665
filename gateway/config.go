package gateway

import (
	"time"

	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/scheduler"
)

// Config is the whole gateway as its operator describes it.
type Config struct {
	Server    ServerConfig          `yaml:"server,omitempty" json:"server,omitempty"`
	Admin     AdminConfig           `yaml:"admin,omitempty" json:"admin,omitempty"`
	Identity  identity.Config       `yaml:"identity,omitempty" json:"identity,omitempty"`
	Campaigns CampaignsConfig       `yaml:"campaigns,omitempty" json:"campaigns,omitempty"`
	Classes   []ClassConfig         `yaml:"classes,omitempty" json:"classes,omitempty"`
	Upstreams []upstream.Config     `yaml:"upstreams" json:"upstreams"`
	Routes    []routing.RouteConfig `yaml:"routes" json:"routes"`
	Telemetry TelemetryConfig       `yaml:"telemetry,omitempty" json:"telemetry,omitempty"`
}

// ServerConfig is the listener that clients talk to.
type ServerConfig struct {
	Listen         string        `yaml:"listen,omitempty" json:"listen,omitempty" jsonschema:"default=:8080"`
	TLS            *ServerTLS    `yaml:"tls,omitempty" json:"tls,omitempty"`
	Limits         Limits        `yaml:"limits,omitempty" json:"limits,omitempty"`
	DrainTimeout   time.Duration `yaml:"drain_timeout,omitempty" json:"drain_timeout,omitempty" jsonschema:"default=30s,description=How long SIGTERM waits for requests under way"`
	DrainDelay     time.Duration `yaml:"drain_delay,omitempty" json:"drain_delay,omitempty" jsonschema:"default=0s,description=How long /readyz says no before new requests are refused"`
	AllowHalfClose bool          `yaml:"allow_half_close,omitempty" json:"allow_half_close,omitempty" jsonschema:"default=false,description=Serve clients that close their sending side before they have the answer; otherwise that is a hang-up"`
}

// ServerTLS is the certificate of the listener; it is read again when it changes.
type ServerTLS struct {
	CertFile string `yaml:"cert_file" json:"cert_file"`
	KeyFile  string `yaml:"key_file" json:"key_file"`
}

// Limits bound what one client can take.
type Limits struct {
	HeaderBytes      upstream.Bytes `yaml:"header_bytes,omitempty" json:"header_bytes,omitempty" jsonschema:"default=64KiB"`
	BodyBytes        upstream.Bytes `yaml:"body_bytes,omitempty" json:"body_bytes,omitempty" jsonschema:"default=32MiB,description=Largest request body; -1 for none"`
	InspectBytes     upstream.Bytes `yaml:"inspect_bytes,omitempty" json:"inspect_bytes,omitempty" jsonschema:"default=1MiB,description=How much of a JSON request to an LLM upstream is read to learn its mode; also the largest body that can be sent again in a retry"`
	Connections      int            `yaml:"connections,omitempty" json:"connections,omitempty" jsonschema:"default=65536"`
	ConnectionsPerIP int            `yaml:"connections_per_ip,omitempty" json:"connections_per_ip,omitempty" jsonschema:"default=0,description=0 for no limit"`
	HeaderTimeout    time.Duration  `yaml:"header_timeout,omitempty" json:"header_timeout,omitempty" jsonschema:"default=10s"`
	BodyTimeout      time.Duration  `yaml:"body_timeout,omitempty" json:"body_timeout,omitempty" jsonschema:"default=30s,description=Longest pause within a request body"`
	WriteTimeout     time.Duration  `yaml:"write_timeout,omitempty" json:"write_timeout,omitempty" jsonschema:"default=60s,description=Longest time a client may take to accept one piece of an answer"`
	IdleTimeout      time.Duration  `yaml:"idle_timeout,omitempty" json:"idle_timeout,omitempty" jsonschema:"default=90s"`
}

// AdminConfig is the listener for operators.
type AdminConfig struct {
	Listen string       `yaml:"listen,omitempty" json:"listen,omitempty" jsonschema:"default=127.0.0.1:8081"`
	Tokens []AdminToken `yaml:"tokens,omitempty" json:"tokens,omitempty"`
}

// AdminToken lets its holder use the admin API: a viewer reads, an admin changes.
type AdminToken struct {
	Name   string `yaml:"name" json:"name"`
	SHA256 string `yaml:"sha256" json:"sha256"`
	Role   string `yaml:"role" json:"role" jsonschema:"enum=viewer,enum=admin"`
}

// CampaignsConfig names the campaign table, a YAML file of campaign id to
// {value, business}.
type CampaignsConfig struct {
	File string `yaml:"file,omitempty" json:"file,omitempty"`
}

// ClassConfig is one priority class. The order of classes is their rank; the
// first whose match holds is taken, and one class, the last resort, has no match.
type ClassConfig struct {
	Name       string              `yaml:"name" json:"name"`
	Weight     int                 `yaml:"weight" json:"weight" jsonschema:"minimum=1,maximum=1000,description=Share of an upstream when classes compete"`
	Match      *routing.ClassMatch `yaml:"match,omitempty" json:"match,omitempty"`
	MaxWait    time.Duration       `yaml:"max_wait,omitempty" json:"max_wait,omitempty" jsonschema:"default=60s"`
	QueueLimit int                 `yaml:"queue_limit,omitempty" json:"queue_limit,omitempty" jsonschema:"default=5000"`
	Warp       time.Duration       `yaml:"warp,omitempty" json:"warp,omitempty" jsonschema:"description=How far a burst may run ahead of the class's share"`
	Headroom   int                 `yaml:"headroom,omitempty" json:"headroom,omitempty" jsonschema:"description=Seats that lower classes leave free while this one is inside its share"`
	MaxSeats   scheduler.SeatCap   `yaml:"max_seats,omitempty" json:"max_seats,omitempty" jsonschema:"oneof_type=string;integer,description=Most seats at once, as a number or 80%"`
	Flow       string              `yaml:"flow,omitempty" json:"flow,omitempty" jsonschema:"enum=tenant,enum=user,enum=campaign,enum=business,enum=key,default=tenant,description=What is served fairly inside the class"`
}

// TelemetryConfig is what Weir says about itself.
type TelemetryConfig struct {
	Log       LogConfig       `yaml:"log,omitempty" json:"log,omitempty"`
	AccessLog AccessLogConfig `yaml:"access_log,omitempty" json:"access_log,omitempty"`
}

// LogConfig is the application log, on standard error.
type LogConfig struct {
	Level  string `yaml:"level,omitempty" json:"level,omitempty" jsonschema:"enum=debug,enum=info,enum=warn,enum=error,default=info"`
	Format string `yaml:"format,omitempty" json:"format,omitempty" jsonschema:"enum=json,enum=console,default=json"`
}

// AccessLogConfig is the access log: one line a request.
type AccessLogConfig struct {
	Sample *float64 `yaml:"sample,omitempty" json:"sample,omitempty" jsonschema:"default=1,minimum=0,maximum=1,description=Share of requests that are logged; failures (status 500 and up) always are"`
	Path   string   `yaml:"path,omitempty" json:"path,omitempty" jsonschema:"default=stdout,description=stdout, stderr, off or a file"`
}
