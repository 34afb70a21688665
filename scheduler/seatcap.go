package scheduler

import (
	"fmt"
	"strconv"
	"strings"
)

// SeatCap is a number of seats, absolute or as a percentage of the limit in
// force. The zero value caps nothing. In text it is "12" or "80%".
type SeatCap struct {
	// Seats is the absolute cap; zero when the cap is a percentage or absent.
	Seats int
	// Percent is the cap in percent of the limit, 1 to 100; zero when the cap
	// is absolute or absent. It is rounded down, but never below one seat
	// while the limit is not zero, since a class must not be shut out.
	Percent int
}

// of returns the cap in seats at a limit.
func (s SeatCap) of(limit int) int {
	switch {
	case s.Percent > 0 && limit > 0:
		return max(1, limit*s.Percent/100)
	case s.Percent > 0:
		return 0
	case s.Seats > 0:
		return s.Seats
	default:
		return noCap
	}
}

func (s SeatCap) check() error {
	switch {
	case s.Seats < 0 || s.Seats > maxSeats:
		return fmt.Errorf("%d seats, must be 0 to %d", s.Seats, maxSeats)
	case s.Percent < 0 || s.Percent > 100:
		return fmt.Errorf("%d %%, must be 0 to 100", s.Percent)
	case s.Seats > 0 && s.Percent > 0:
		return fmt.Errorf("both %d seats and %d %% are given", s.Seats, s.Percent)
	}
	return nil
}

// String writes the cap as it is configured; "" when there is none.
func (s SeatCap) String() string {
	switch {
	case s.Percent > 0:
		return strconv.Itoa(s.Percent) + "%"
	case s.Seats > 0:
		return strconv.Itoa(s.Seats)
	default:
		return ""
	}
}

// MarshalText implements encoding.TextMarshaler.
func (s SeatCap) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "12", "80%" or "" (no cap).
func (s *SeatCap) UnmarshalText(text []byte) error {
	str := strings.TrimSpace(string(text))
	if str == "" {
		*s = SeatCap{}
		return nil
	}
	num, percent := strings.CutSuffix(str, "%")
	n, err := strconv.Atoi(strings.TrimSpace(num))
	if err != nil {
		return fmt.Errorf("seat cap %q: must be a number of seats like 12 or a percentage like 80%%", str)
	}
	next := SeatCap{Seats: n}
	if percent {
		next = SeatCap{Percent: n}
	}
	if err := next.check(); err != nil {
		return fmt.Errorf("seat cap %q: %w", str, err)
	}
	*s = next
	return nil
}

// String returns "fixed" or "aimd".
func (m LimitMode) String() string {
	switch m {
	case Fixed:
		return "fixed"
	case AIMD:
		return "aimd"
	default:
		return "limit mode " + strconv.Itoa(int(m))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (m LimitMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "fixed" or "aimd".
func (m *LimitMode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "fixed", "":
		*m = Fixed
	case "aimd":
		*m = AIMD
	default:
		return fmt.Errorf("limit mode %q: must be fixed or aimd", text)
	}
	return nil
}
