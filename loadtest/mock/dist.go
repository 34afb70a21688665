package mock

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The shapes a Dist can have. The zero shape is fixed, so that the zero Dist is the constant 0.
const (
	shapeFixed = iota
	shapeUniform
	shapeLognormal
	shapeExponential
)

// The largest values a Dist may name. They keep a typing error ("50h" for "50ms") from stalling a test run.
const (
	maxDistDuration = time.Hour
	maxDistCount    = 10_000_000
	maxSigma        = 10
)

// Dist is a distribution of durations or of counts. The zero value is the constant 0.
// It is a plain value: copy and compare it freely. The text form, as read by [ParseDist], is one of
//
//	fixed:50ms                   always 50 ms; "50ms" alone means the same
//	uniform:10ms-20ms            evenly between the two bounds
//	lognormal:200ms,0.8,5s       median, sigma and an optional cap
//	exponential:50ms,1s          mean and an optional cap
//
// with durations in Go's notation, or with plain numbers for counts ("lognormal:200,1.1,4096").
type Dist struct {
	shape    uint8
	duration bool    // the values are nanoseconds
	a, b     float64 // fixed: a; uniform: a to b; lognormal: median a, sigma b; exponential: mean a
	limit    float64 // values above it become it; 0 is no limit
}

// FixedDuration returns the Dist that is always d.
func FixedDuration(d time.Duration) Dist { return Dist{duration: true, a: float64(d)} }

// FixedCount returns the Dist that is always n.
func FixedCount(n int) Dist { return Dist{a: float64(n)} }

// ParseDist reads the text form of a Dist.
func ParseDist(s string) (Dist, error) {
	d, err := parseDist(s)
	if err != nil {
		return Dist{}, fmt.Errorf("distribution %.80q: %w (want for example fixed:50ms, uniform:10ms-20ms, lognormal:200ms,0.8,5s or exponential:50ms)", s, err)
	}
	return d, nil
}

func parseDist(s string) (Dist, error) {
	shape, args, found := strings.Cut(strings.TrimSpace(s), ":")
	if !found {
		shape, args = "fixed", shape
	}
	switch shape {
	case "fixed":
		return parseArgs(shapeFixed, strings.Split(args, ","), 1, 1)
	case "uniform":
		return parseArgs(shapeUniform, strings.Split(args, "-"), 2, 2)
	case "lognormal":
		return parseArgs(shapeLognormal, strings.Split(args, ","), 2, 3)
	case "exponential":
		return parseArgs(shapeExponential, strings.Split(args, ","), 1, 2)
	default:
		return Dist{}, fmt.Errorf("unknown shape %.40q", shape)
	}
}

// parseArgs reads the numbers after the colon: sizes all of one kind, but for the sigma of a lognormal.
func parseArgs(shape uint8, args []string, atLeast, atMost int) (Dist, error) {
	if len(args) < atLeast || len(args) > atMost {
		return Dist{}, fmt.Errorf("%d values, want %d to %d", len(args), atLeast, atMost)
	}
	var d Dist
	var err error
	d.shape = shape
	if d.a, d.duration, err = parseSize(args[0]); err != nil {
		return Dist{}, err
	}
	sizes := args[1:]
	if shape == shapeLognormal {
		if d.b, err = strconv.ParseFloat(args[1], 64); err != nil || !(d.b >= 0 && d.b <= maxSigma) {
			return Dist{}, fmt.Errorf("sigma %.40q, want 0 to %d", args[1], maxSigma)
		}
		sizes = args[2:]
	}
	if len(sizes) == 0 {
		return d, nil
	}
	v, isDuration, err := parseSize(sizes[0])
	if err != nil {
		return Dist{}, err
	}
	// A bare 0 fits both kinds.
	if isDuration != d.duration && v != 0 && d.a != 0 {
		return Dist{}, errors.New("durations and plain numbers are mixed")
	}
	d.duration = d.duration || isDuration
	if shape != shapeUniform {
		d.limit = v
		return d, nil
	}
	if d.b = v; d.b < d.a {
		return Dist{}, errors.New("the upper bound is below the lower one")
	}
	return d, nil
}

// parseSize reads a duration or a plain number.
func parseSize(s string) (v float64, isDuration bool, err error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if !(n >= 0 && n <= maxDistCount) {
			return 0, false, fmt.Errorf("number %.40q, want 0 to %d", s, maxDistCount)
		}
		return n, false, nil
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		return 0, false, fmt.Errorf("%.40q is neither a duration nor a number", s)
	}
	if t < 0 || t > maxDistDuration {
		return 0, false, fmt.Errorf("duration %s, want 0 to %s", t, maxDistDuration)
	}
	return float64(t), true, nil
}

// IsZero reports whether d is the zero Dist.
func (d Dist) IsZero() bool { return d == Dist{} }

// String returns the text form, which ParseDist reads back to an equal Dist.
func (d Dist) String() string {
	switch d.shape {
	case shapeUniform:
		return "uniform:" + d.size(d.a) + "-" + d.size(d.b)
	case shapeLognormal:
		return "lognormal:" + d.size(d.a) + "," + strconv.FormatFloat(d.b, 'f', -1, 64) + d.suffix()
	case shapeExponential:
		return "exponential:" + d.size(d.a) + d.suffix()
	default:
		return "fixed:" + d.size(d.a)
	}
}

func (d Dist) size(v float64) string {
	if d.duration {
		return time.Duration(v).String()
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (d Dist) suffix() string {
	if d.limit == 0 {
		return ""
	}
	return "," + d.size(d.limit)
}

// Set reads s into d. With String and Type it makes *Dist a flag value.
func (d *Dist) Set(s string) error {
	v, err := ParseDist(s)
	if err == nil {
		*d = v
	}
	return err
}

// Type names the value in the help text of a flag.
func (d *Dist) Type() string { return "dist" }

// Duration draws a duration.
func (d Dist) Duration(r *rand.Rand) time.Duration {
	return time.Duration(min(d.draw(r), float64(maxDistDuration)))
}

// Count draws a count, rounded to the nearest whole number.
func (d Dist) Count(r *rand.Rand) int {
	return int(math.Round(min(d.draw(r), maxDistCount)))
}

func (d Dist) draw(r *rand.Rand) float64 {
	v := d.a
	switch d.shape {
	case shapeUniform:
		v = d.a + (d.b-d.a)*r.Float64()
	case shapeLognormal:
		v = d.a * math.Exp(d.b*r.NormFloat64())
	case shapeExponential:
		v = d.a * r.ExpFloat64()
	}
	if d.limit > 0 {
		v = min(v, d.limit)
	}
	return v
}

// sum draws n durations and adds them, in one step when they are all the same.
func (d Dist) sum(r *rand.Rand, n int) time.Duration {
	if n <= 0 {
		return 0
	}
	if d.shape == shapeFixed {
		return time.Duration(d.a) * time.Duration(n)
	}
	var total time.Duration
	for range n {
		total += d.Duration(r)
	}
	return total
}
