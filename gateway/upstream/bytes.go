package upstream

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// byteUnits are the units of an amount of memory, largest first.
var byteUnits = [...]struct {
	name string
	size int64
}{
	{"PiB", 1 << 50},
	{"PB", 1e15},
	{"TiB", 1 << 40},
	{"TB", 1e12},
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"KB", 1e3},
	{"B", 1},
}

// ParseBytes reads an amount such as 64KiB, 1.5MiB (binary), 10MB (decimal) or
// 4096. Units may be in any case. The amount must be whole bytes. -1, which
// settings use for no limit, is the only negative amount.
func ParseBytes(s string) (Bytes, error) {
	text := strings.TrimSpace(s)
	if text == "-1" {
		return -1, nil
	}
	number, unit := splitUnit(text)
	size, err := unitSize(unit)
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount of memory: %w", clip(s), err)
	}
	if !isDecimal(number) {
		return 0, fmt.Errorf("%q is not an amount of memory: write a number and a unit, such as 64KiB or 10MB", clip(s))
	}
	amount, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, fmt.Errorf("%q is not an amount of memory: bad number", clip(s))
	}
	amount.Mul(amount, new(big.Rat).SetInt64(size))
	switch {
	case !amount.IsInt():
		return 0, fmt.Errorf("%q is not a whole number of bytes", clip(s))
	case !amount.Num().IsInt64():
		return 0, fmt.Errorf("%q is more than can be counted", clip(s))
	}
	return Bytes(amount.Num().Int64()), nil
}

// splitUnit cuts text after its number.
func splitUnit(text string) (number, unit string) {
	i := 0
	for i < len(text) && (text[i] == '.' || '0' <= text[i] && text[i] <= '9') {
		i++
	}
	return text[:i], strings.TrimSpace(text[i:])
}

func unitSize(unit string) (int64, error) {
	if unit == "" {
		return 1, nil
	}
	for _, u := range byteUnits {
		if strings.EqualFold(unit, u.name) {
			return u.size, nil
		}
	}
	if len(unit) == 1 && strings.Contains("kmgtp", strings.ToLower(unit)) {
		// Half of the world's tools read 64K as 65536 and half as 64000.
		k := strings.ToUpper(unit)
		return 0, fmt.Errorf("write %siB (powers of 1024) or %sB (powers of 1000)", k, k)
	}
	return 0, fmt.Errorf("unknown unit %q, known are B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB, PB", clip(unit))
}

// isDecimal reports whether s is digits with at most one point between them, and
// short enough to be worth reading.
func isDecimal(s string) bool {
	whole, fraction, pointed := strings.Cut(s, ".")
	if whole == "" || len(s) > 40 || pointed && fraction == "" {
		return false
	}
	return !strings.Contains(fraction, ".")
}

// String returns the amount in the largest unit that expresses it exactly.
func (b Bytes) String() string {
	if b == 0 || b == -1 {
		return strconv.FormatInt(int64(b), 10)
	}
	for _, u := range byteUnits {
		if int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// UnmarshalYAML reads what [ParseBytes] reads.
func (b *Bytes) UnmarshalYAML(unmarshal func(any) error) error {
	return unmarshalScalar(unmarshal, b.UnmarshalText)
}

// UnmarshalText reads what [ParseBytes] reads.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := ParseBytes(string(text))
	if err != nil {
		return err
	}
	*b = v
	return nil
}

// MarshalYAML writes what [Bytes.String] returns.
func (b Bytes) MarshalYAML() (any, error) { return b.String(), nil }

// MarshalText writes what [Bytes.String] returns.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// JSONSchema describes the notation.
func (Bytes) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Description: "An amount of memory: a number of bytes, or a number with a unit such as 64KiB or 10MB",
		OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "-1"},
			{Type: "string", Pattern: `^ *(-1|[0-9]+([.][0-9]+)? *([KkMmGgTtPp][Ii]?)?[Bb]?) *$`},
		},
	}
}

// clip bounds what an error repeats of its input.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
