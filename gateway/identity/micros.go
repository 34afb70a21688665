package identity

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Micro is the number of micro-units in one unit of a campaign's value.
const Micro = 1_000_000

var errDecimal = errors.New("must be a decimal number such as 100000 or 0.5, without sign, exponent or separators")

// ParseMicros reads a decimal number that is not negative into millionths,
// exactly. More than six digits behind the point are an error unless they are
// zeros.
func ParseMicros(s string) (int64, error) {
	whole, fraction, point := strings.Cut(s, ".")
	if whole == "" || (point && fraction == "") {
		return 0, errDecimal
	}
	if extra := fraction[min(len(fraction), 6):]; strings.Trim(extra, "0") != "" {
		if strings.Trim(extra, "0123456789") != "" {
			return 0, errDecimal
		}
		return 0, fmt.Errorf("%s has more than six digits behind the point", s)
	}
	fraction = fraction[:min(len(fraction), 6)]
	var n int64
	for _, digits := range [...]string{whole, fraction, "000000"[len(fraction):]} {
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				return 0, errDecimal
			}
			if n > (math.MaxInt64-int64(c-'0'))/10 {
				return 0, fmt.Errorf("%s is too large", s)
			}
			n = 10*n + int64(c-'0')
		}
	}
	return n, nil
}
