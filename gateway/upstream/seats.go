package upstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// maxSeats is the largest number of seats that a setting can ask for.
const maxSeats = 1 << 20

// ParseSeats reads a positive whole number or the word adaptive.
func ParseSeats(s string) (Seats, error) {
	text := strings.TrimSpace(s)
	if text == "adaptive" {
		return Seats{Adaptive: true}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxSeats || text[0] == '+' {
		return Seats{}, fmt.Errorf("%q is not a number of seats: write a number from 1 to %d, or adaptive", clip(s), maxSeats)
	}
	return Seats{N: n}, nil
}

// String returns the number or the word adaptive.
func (s Seats) String() string {
	if s.Adaptive {
		return "adaptive"
	}
	return strconv.Itoa(s.N)
}

// IsZero reports whether nothing was set.
func (s Seats) IsZero() bool { return s == Seats{} }

// UnmarshalYAML reads what [ParseSeats] reads.
func (s *Seats) UnmarshalYAML(unmarshal func(any) error) error {
	return unmarshalScalar(unmarshal, s.UnmarshalText)
}

// UnmarshalText reads what [ParseSeats] reads.
func (s *Seats) UnmarshalText(text []byte) error {
	v, err := ParseSeats(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// MarshalYAML writes a number or the word adaptive.
func (s Seats) MarshalYAML() (any, error) {
	if s.Adaptive {
		return "adaptive", nil
	}
	return s.N, nil
}

// MarshalText writes what [Seats.String] returns.
func (s Seats) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// JSONSchema describes the notation.
func (Seats) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Description: "Seats: a number, or adaptive",
		OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "1"},
			{Type: "string", Enum: []any{"adaptive"}},
		},
	}
}
