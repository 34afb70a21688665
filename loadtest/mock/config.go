package mock

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// What a zero field of Config stands for.
const (
	defaultOutputTokens = 32
	defaultMaxTokens    = 16384
	defaultMaxBodyBytes = 64 << 20
	defaultMaxProfiles  = 10000
	defaultMaxTags      = 1024
	defaultWindow       = time.Minute
	defaultErrorStatus  = 500
)

// Config sets what a mock answers and how fast. The zero value is a mock that knows the usual models,
// answers 32 tokens at once, limits nothing and never fails.
type Config struct {
	// Seed makes latencies, token counts, faults and content repeatable: the n-th counted request
	// draws the same numbers in every run with the same seed.
	Seed uint64

	// TTFT is the time to the first byte of an answer of a model.
	TTFT Dist
	// Gap is the time between two tokens. An answer that is not streamed waits for all of them.
	Gap Dist
	// OutputTokens is the length of an answer in tokens, before the caller's own limit.
	OutputTokens Dist
	// Latency is the time to the first byte of the marketing API.
	Latency Dist

	// Models are the names that exist; none means the built-in list. A name also covers its dated
	// versions: gpt-4o answers for gpt-4o-2024-08-06.
	Models []string
	// Keys are the API keys that are let in, at any provider; none means that no key is asked for.
	Keys []string

	// MaxConcurrent is how many requests are served at a time; one more is answered 429. 0 is no limit.
	MaxConcurrent int
	// RequestsPerMinute and TokensPerMinute limit the model endpoints; 0 is no limit.
	RequestsPerMinute int
	TokensPerMinute   int
	// Window is the length of the "minute" of these two limits; 0 means one minute.
	Window time.Duration

	// Faults are the shares of requests that fail on purpose.
	Faults Faults
	// ErrorStatus is the status that Faults.Error answers; 0 means 500.
	ErrorStatus int

	// MaxTokens bounds the output tokens of one answer; 0 means 16384.
	MaxTokens int
	// MaxBodyBytes bounds a request body; 0 means 64 MiB.
	MaxBodyBytes int
	// MaxProfiles bounds the profiles that were written and are held in memory; 0 means 10000.
	MaxProfiles int
	// MaxTags bounds the distinct X-Mock-Tag values with counters of their own; 0 means 1024. What is
	// beyond them counts together under "(other)".
	MaxTags int
}

// Faults are shares between 0 and 1 of the requests to the provider and marketing endpoints. They exclude
// one another, so their sum is at most 1.
type Faults struct {
	Error       float64 // answered ErrorStatus in the protocol's error shape
	Overload    float64 // answered 529 by Anthropic, 503 by the others
	Reset       float64 // the connection is reset
	CloseEarly  float64 // half of the announced body, then closed
	Garbage     float64 // bytes that are not HTTP, then closed
	Hang        float64 // never answered
	SlowHeaders float64 // the header drips in, one line at a time
	CutStream   float64 // a stream ends after half of its tokens, without its end
}

// AddFlags adds a flag for every setting to fs. The values of c at the time are the defaults.
func (c *Config) AddFlags(fs *pflag.FlagSet) {
	fs.Uint64Var(&c.Seed, "seed", c.Seed, "seed of latencies, token counts, faults and content")
	fs.Var(&c.TTFT, "ttft", "time to first token: fixed:50ms, uniform:10ms-20ms, lognormal:200ms,0.8,5s or exponential:50ms")
	fs.Var(&c.Gap, "gap", "time between tokens, same notation")
	fs.Var(&c.OutputTokens, "tokens", "output tokens of an answer, same notation with plain numbers (fixed:0 means 32)")
	fs.Var(&c.Latency, "latency", "time to first byte of the marketing API, same notation")
	fs.StringSliceVar(&c.Models, "models", c.Models, "model names that exist (default: a built-in list)")
	fs.StringSliceVar(&c.Keys, "keys", c.Keys, "API keys that are let in (default: no key is asked for)")
	fs.IntVar(&c.MaxConcurrent, "max-concurrent", c.MaxConcurrent, "requests served at a time before 429 (0: no limit)")
	fs.IntVar(&c.RequestsPerMinute, "rpm", c.RequestsPerMinute, "model requests per window before 429 (0: no limit)")
	fs.IntVar(&c.TokensPerMinute, "tpm", c.TokensPerMinute, "tokens per window before 429 (0: no limit)")
	fs.DurationVar(&c.Window, "window", c.Window, "length of the window of --rpm and --tpm (0: one minute)")
	fs.IntVar(&c.ErrorStatus, "error-status", c.ErrorStatus, "status answered by --error-rate (0: 500)")
	fs.IntVar(&c.MaxTokens, "max-tokens", c.MaxTokens, "most output tokens of one answer (0: 16384)")
	fs.IntVar(&c.MaxBodyBytes, "max-body-bytes", c.MaxBodyBytes, "largest request body (0: 64 MiB)")
	fs.IntVar(&c.MaxProfiles, "max-profiles", c.MaxProfiles, "most written profiles held in memory (0: 10000)")
	fs.IntVar(&c.MaxTags, "max-tags", c.MaxTags, "most X-Mock-Tag values counted apart (0: 1024)")
	for _, f := range c.Faults.shares() {
		fs.Float64Var(f.share, f.name+"-rate", *f.share, "share of requests, 0 to 1: "+f.help)
	}
}

// share is one field of Faults with the name it has in flags and in X-Mock-Fail.
type share struct {
	name  string
	help  string
	share *float64
	fault fault
}

func (f *Faults) shares() []share {
	return []share{
		{"error", "answered --error-status", &f.Error, faultError},
		{"overload", "answered 529 by Anthropic, 503 by the others", &f.Overload, faultOverload},
		{"reset", "connection reset", &f.Reset, faultReset},
		{"close-early", "closed after half of the body", &f.CloseEarly, faultCloseEarly},
		{"garbage", "bytes that are not HTTP", &f.Garbage, faultGarbage},
		{"hang", "never answered", &f.Hang, faultHang},
		{"slow-headers", "header drips in line by line", &f.SlowHeaders, faultSlowHeaders},
		{"cut-stream", "stream cut after half of its tokens", &f.CutStream, faultCutStream},
	}
}

// withDefaults returns c with its zero fields filled in and its slices copied.
func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.MaxTokens, defaultMaxTokens)
	def(&c.MaxBodyBytes, defaultMaxBodyBytes)
	def(&c.MaxProfiles, defaultMaxProfiles)
	def(&c.MaxTags, defaultMaxTags)
	def(&c.ErrorStatus, defaultErrorStatus)
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.OutputTokens.IsZero() {
		c.OutputTokens = FixedCount(defaultOutputTokens)
	}
	if len(c.Models) == 0 {
		c.Models = defaultModels()
	}
	c.Models = slices.Clone(c.Models)
	c.Keys = slices.Clone(c.Keys)
	return c
}

// validate checks a Config whose defaults are filled in. It never prints a key.
func (c Config) validate() error {
	return errors.Join(c.checkDists(), c.checkLimits(), c.checkNames(), c.checkFaults())
}

func (c Config) checkDists() error {
	var errs []error
	for name, d := range map[string]Dist{"ttft": c.TTFT, "gap": c.Gap, "latency": c.Latency} {
		if !d.duration && d.a+d.b != 0 {
			errs = append(errs, fmt.Errorf("mock: %s is %q, want durations such as 50ms", name, d))
		}
	}
	if c.OutputTokens.duration {
		errs = append(errs, fmt.Errorf("mock: tokens is %q, want plain numbers such as 200", c.OutputTokens))
	}
	return errors.Join(errs...)
}

func (c Config) checkLimits() error {
	var errs []error
	for name, v := range map[string]int{
		"max-concurrent": c.MaxConcurrent, "rpm": c.RequestsPerMinute, "tpm": c.TokensPerMinute,
		"max-tokens": c.MaxTokens, "max-body-bytes": c.MaxBodyBytes, "max-profiles": c.MaxProfiles, "max-tags": c.MaxTags,
		"window": int(c.Window),
	} {
		if v < 0 {
			errs = append(errs, fmt.Errorf("mock: %s is %d, want 0 or more", name, v))
		}
	}
	if c.ErrorStatus < 400 || c.ErrorStatus > 599 {
		errs = append(errs, fmt.Errorf("mock: error-status is %d, want 400 to 599", c.ErrorStatus))
	}
	return errors.Join(errs...)
}

func (c Config) checkNames() error {
	for _, m := range c.Models {
		if !isModelName(m) {
			return fmt.Errorf("mock: model name %.80q, want letters, digits and . _ - / only", m)
		}
	}
	for i, k := range c.Keys {
		if strings.TrimSpace(k) == "" {
			return fmt.Errorf("mock: key %d of %d is empty", i+1, len(c.Keys))
		}
	}
	return nil
}

func (c Config) checkFaults() error {
	sum := 0.0
	for _, f := range c.Faults.shares() {
		if !(*f.share >= 0 && *f.share <= 1) {
			return fmt.Errorf("mock: %s-rate is %v, want 0 to 1", f.name, *f.share)
		}
		sum += *f.share
	}
	if sum > 1.0000001 {
		return fmt.Errorf("mock: the fault rates add up to %v, want at most 1", sum)
	}
	return nil
}
