package upstream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, text string) Config {
	t.Helper()
	var c Config
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()))
	return c
}

func TestConfigFromYAML(t *testing.T) {
	c := decode(t, `
name: openai
protocol: openai
endpoints: [{url: "https://api.openai.com", key_env: OPENAI_API_KEY, weight: 3}, {url: "http://b"}, {url: "http://c", weight: 0}]
capacity: {seats: adaptive, min_seats: 4, max_seats: 256, queue_bytes: 64MiB}
timeouts: {connect: 3s, total: 0s}
retry: {attempts: 3, on: [connect, reset, 429, 5xx], budget_percent: 0}
pool: {max_idle: 0}
fallback: [azure]
`)
	c.SetDefaults()
	require.NoError(t, c.Validate())
	assert.Equal(t, []int{3, 1, 0}, []int{c.Endpoints[0].Weight, c.Endpoints[1].Weight, c.Endpoints[2].Weight})
	assert.Equal(t, Bytes(64<<20), c.Capacity.QueueBytes)
	assert.True(t, c.Capacity.Seats.Adaptive)
	assert.Equal(t, 3*time.Second, c.Timeouts.Connect)
	assert.Equal(t, 60*time.Second, c.Timeouts.FirstByte, "left out")
	assert.Zero(t, c.Timeouts.Total, "zero as written")
	assert.Equal(t, []string{"connect", "reset", "429", "5xx"}, c.Retry.On)
	assert.Equal(t, 3, c.Retry.Attempts)
	assert.Zero(t, c.Retry.BudgetPercent)
	assert.Zero(t, c.Pool.MaxIdle)
	assert.Equal(t, 30*time.Second, c.Pool.IdleTimeout)
	assert.Equal(t, 5, c.Breaker.Failures)
	assert.True(t, *c.Forwarded)
}

func TestConfigSurvivesYAML(t *testing.T) {
	c := decode(t, `{name: a, endpoints: [{url: "http://x", weight: 0}, {url: "http://y"}], capacity: {seats: 7}, timeouts: {idle: 0s}, retry: {on: []}, pool: {dns_refresh: 0s}}`)
	c.SetDefaults()
	text, err := yaml.Marshal(c)
	require.NoError(t, err)
	again := decode(t, string(text))
	again.SetDefaults()
	assert.Equal(t, fmt.Sprintf("%+v", c.Timeouts), fmt.Sprintf("%+v", again.Timeouts))
	assert.Equal(t, c.Endpoints, again.Endpoints)
	assert.Equal(t, c.Capacity, again.Capacity)
	assert.Equal(t, c.Pool, again.Pool)
	assert.Empty(t, again.Retry.On)
}

func TestDefaultsAreIdempotent(t *testing.T) {
	c := Config{Name: "a", Endpoints: []EndpointConfig{{URL: "http://x"}}}
	c.SetDefaults()
	require.NoError(t, c.Validate())
	assert.Equal(t, 1, c.Endpoints[0].Weight)
	assert.Equal(t, Seats{Adaptive: true}, c.Capacity.Seats)
	once := c
	c.SetDefaults()
	assert.Equal(t, once, c)
}

func TestYAMLErrorsKeepTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\ntimeouts:\n  conect: 1s":                 "[3:3]",
		"name: a\nendpoints:\n  - url: x\n    wei: 1":      "[4:5]",
		"name: a\ncapacity:\n  queue_bytes: 64K":           "[3:16]",
		"name: a\ncapacity: {seats: [1]}":                  "[2:19]",
		"name: a\ncapacity: {seats: &s few, min_seats: 2}": "[2:22]",
		"name: a\nretry:\n  attempts: many":                "[3:13]",
	} {
		var c Config
		err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict())
		require.Error(t, err, text)
		t.Logf("%v", err)
		assert.Contains(t, err.Error(), want, text)
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		edit func(c *Config)
		want string
	}{
		{"no name", func(c *Config) { c.Name = "" }, "name: "},
		{"odd name", func(c *Config) { c.Name = "a/b" }, "name: "},
		{"protocol", func(c *Config) { c.Protocol = "opnai" }, "protocol: unknown protocol \"opnai\", did you mean openai?"},
		{"balance", func(c *Config) { c.Balance = "two_choice" }, "did you mean two_choices?"},
		{"host header", func(c *Config) { c.HostHeader = "keep" }, "host_header: "},
		{"no endpoints", func(c *Config) { c.Endpoints = nil }, "endpoints: "},
		{"bad url", func(c *Config) { c.Endpoints[1].URL = "ftp://x" }, "endpoints[1].url: "},
		{"no scheme", func(c *Config) { c.Endpoints[1].URL = "x:80" }, "endpoints[1].url: "},
		{"query", func(c *Config) { c.Endpoints[1].URL = "http://x/?a=b" }, "endpoints[1].url: "},
		{"port", func(c *Config) { c.Endpoints[1].URL = "http://x:70000" }, "endpoints[1].url: "},
		{"no port", func(c *Config) { c.Endpoints[1].URL = "http://x:" }, "endpoints[1].url: "},
		{"duplicate", func(c *Config) { c.Endpoints[1].URL = "HTTP://A:80/" }, "endpoints[1].url: http://a is endpoints[0] already"},
		{"two keys", func(c *Config) { c.Endpoints[0].KeyEnv, c.Endpoints[0].KeyFile = "A", "b" }, "endpoints[0].key_file: "},
		{"user and key", func(c *Config) { c.Endpoints[0].KeyEnv, c.Endpoints[0].URL = "A", "http://u:p@a" }, "endpoints[0].url: "},
		{"key header", func(c *Config) { c.Endpoints[0].KeyEnv, c.Endpoints[0].KeyHeader = "A", "Host" }, "endpoints[0].key_header: "},
		{"weight", func(c *Config) { c.Endpoints[0].Weight = -1 }, "endpoints[0].weight: "},
		{"all drained", func(c *Config) { c.Endpoints[0].Weight, c.Endpoints[1].Weight = 0, 0 }, "endpoints: at least one"},
		{"seats", func(c *Config) { c.Capacity.Seats = Seats{N: -3} }, "capacity.seats: "},
		{"min over max", func(c *Config) { c.Capacity.MinSeats = 300 }, "capacity.min_seats: 300 is more than max_seats, 256"},
		{"queue bytes", func(c *Config) { c.Capacity.QueueBytes = -1 }, "capacity.queue_bytes: "},
		{"timeout", func(c *Config) { c.Timeouts.Idle = -1 }, "timeouts.idle: "},
		{"attempts", func(c *Config) { c.Retry.Attempts = -1 }, "retry.attempts: "},
		{"budget", func(c *Config) { c.Retry.BudgetPercent = 101 }, "retry.budget_percent: "},
		{"on", func(c *Config) { c.Retry.On = []string{"reset", "conect"} }, "retry.on[1]: unknown cause \"conect\", did you mean connect?"},
		{"on 200", func(c *Config) { c.Retry.On = []string{"200"} }, "retry.on[0]: "},
		{"breaker", func(c *Config) { c.Breaker.Failures = -1 }, "breaker.failures: "},
		{"health path", func(c *Config) { c.Health.Path = "healthz" }, "health.path: "},
		{"health", func(c *Config) { c.Health.Healthy = -1 }, "health.healthy: "},
		{"self", func(c *Config) { c.Fallback = []string{"b", "up"} }, "fallback[1]: an upstream cannot fall back to itself"},
		{"twice", func(c *Config) { c.Fallback = []string{"b", "b"} }, "fallback[1]: "},
		{"tls", func(c *Config) { c.TLS.CertFile = "x" }, "tls.cert_file: "},
		{"pool", func(c *Config) { c.Pool.MaxIdle = -1 }, "pool.max_idle: "},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := Config{Name: "up", Endpoints: []EndpointConfig{{URL: "http://a"}, {URL: "http://b"}}}
			c.SetDefaults()
			tc.edit(&c)
			err := c.Validate()
			require.Error(t, err)
			fields := FieldErrors(err)
			require.Len(t, fields, 1, "%v", err)
			assert.True(t, strings.HasPrefix(fields[0].Error(), tc.want) || strings.HasSuffix(fields[0].Error(), tc.want), "%v", err)
		})
	}
}

func TestValidateReportsAll(t *testing.T) {
	c := Config{Name: "", Endpoints: []EndpointConfig{{URL: ""}}, Fallback: []string{""}}
	c.SetDefaults()
	assert.Len(t, FieldErrors(c.Validate()), 3)
	assert.Empty(t, FieldErrors(nil))
}

func TestErrorsHideThePassword(t *testing.T) {
	for _, raw := range []string{"ftp://u:hunter2@h", "http://u:hunter2@h:x", "http://u:hunter2@h/?q", "http://u:hunter2@h€", "unix://u:hunter2@h/x"} {
		c := Config{Name: "up", Endpoints: []EndpointConfig{{URL: raw}}}
		c.SetDefaults()
		err := c.Validate()
		require.Error(t, err, raw)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestParseTarget(t *testing.T) {
	cases := []struct {
		url                                string
		canonical, authority, prefix, host string
		port                               uint16
	}{
		{"http://a", "http://a", "a", "", "a", 80},
		{"http://A.Example:80/", "http://a.example", "a.example", "", "a.example", 80},
		{"https://a:8443/v1/", "https://a:8443/v1", "a:8443", "/v1", "a", 8443},
		{"https://a:443/a%2Fb", "https://a/a%2Fb", "a", "/a%2Fb", "a", 443},
		{"http://[::1]:9000", "http://[::1]:9000", "[::1]:9000", "", "::1", 9000},
		{"http://[::1]", "http://[::1]", "[::1]", "", "::1", 80},
		{"http://[fe80::1%25eth0]:81/x", "http://[fe80::1%25eth0]:81/x", "[fe80::1]:81", "/x", "fe80::1%eth0", 81},
		{"http://u:p@a/x", "http://a/x", "a", "/x", "a", 80},
		{"unix:///run/a.sock", "unix:///run/a.sock", "localhost", "", "", 0},
	}
	for _, tc := range cases {
		got, err := parseTarget(tc.url)
		require.NoError(t, err, tc.url)
		assert.Equal(t, tc.canonical, got.url)
		assert.Equal(t, tc.authority, got.authority)
		assert.Equal(t, tc.prefix, got.prefix)
		assert.Equal(t, tc.host, got.host)
		assert.Equal(t, tc.port, got.port)
	}
}

func TestBytes(t *testing.T) {
	good := map[string]Bytes{
		"0": 0, "4096": 4096, "64KiB": 64 << 10, "1.5MiB": 3 << 19, "10MB": 10e6, "10 mb": 10e6, " 1GiB ": 1 << 30,
		"7B": 7, "-1": -1, "0.5KB": 500, "2TiB": 2 << 40, "1PB": 1e15, "0.001KB": 1,
	}
	for text, want := range good {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "x", "64K", "1.3KiB", "1e3", "-2", "+1", "1.", ".5KB", "1..5KB", "9000PiB", "10 M B", "1_000", "0x10", "NaN", "1/2KB"} {
		_, err := ParseBytes(text)
		assert.Error(t, err, text)
	}
	for b, want := range map[Bytes]string{0: "0", -1: "-1", 512: "512B", 64 << 10: "64KiB", 10e6: "10MB", 1024000: "1000KiB", 3 << 19: "1536KiB", 1 << 50: "1PiB"} {
		assert.Equal(t, want, b.String())
	}
}

func TestSeats(t *testing.T) {
	for text, want := range map[string]Seats{"adaptive": {Adaptive: true}, "64": {N: 64}, " 1 ": {N: 1}} {
		got, err := ParseSeats(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "0", "-1", "+5", "1.5", "many", "99999999"} {
		_, err := ParseSeats(text)
		assert.Error(t, err, text)
	}
}

func TestSchema(t *testing.T) {
	s := jsonschema.Reflect(&Config{})
	text, err := s.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(text), `"adaptive"`)
	assert.Contains(t, string(text), `three are always allowed`)
	assert.Contains(t, string(text), `connect, reset, timeout and status codes`)
	assert.NotContains(t, s.Definitions["EndpointConfig"].Required, "weight")
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"64KiB", "1.5MiB", "10MB", "-1", "0", "9223372036854775807", "1e9", "0.0009765625KiB", "64K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBytes(s)
		if err != nil {
			return
		}
		if b < -1 {
			t.Fatalf("%q gives %d", s, int64(b))
		}
		again, err := ParseBytes(b.String())
		if err != nil || again != b {
			t.Fatalf("%q gives %d, written %q, read as %d, %v", s, int64(b), b, int64(again), err)
		}
	})
}

func FuzzParseSeats(f *testing.F) {
	for _, s := range []string{"adaptive", "1", "64", "0", "-1", "Adaptive"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseSeats(s)
		if err != nil {
			return
		}
		if again, err := ParseSeats(v.String()); err != nil || again != v || v.IsZero() {
			t.Fatalf("%q gives %v, read again as %v, %v", s, v, again, err)
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"http://a", "https://u:p@a:8443/v1/", "http://[::1]:80", "unix:///run/x", "http://a/%zz", "http://[fe80::1%25eth0]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTarget(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(got.authority+got.prefix, " \r\n\t\x00") {
			t.Fatalf("%q puts white space into %q %q", s, got.authority, got.prefix)
		}
		again, err := parseTarget(got.url)
		again.basic, got.basic = "", ""
		if got.scheme != "unix" && (err != nil || again != got) {
			t.Fatalf("%q gives %+v, read again as %+v, %v", s, got, again, err)
		}
	})
}
