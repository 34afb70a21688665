package upstream

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// ErrNoEndpoint is returned by [Pool.Pick] when no endpoint can take a call:
// every breaker is open, or every endpoint in use failed its checks.
var ErrNoEndpoint = errors.New("no endpoint can take the call")

// ErrAborted is returned by [Endpoint.Acquire] when the caller gave up first.
var ErrAborted = errors.New("aborted by the caller")

// FieldError is a setting that cannot be accepted. Path leads to it from the
// upstream, as in endpoints[1].url.
type FieldError struct {
	Path string
	Err  error
}

// Error returns the path and what is wrong with the setting.
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the setting.
func (e *FieldError) Unwrap() error { return e.Err }

// FieldErrors returns the FieldErrors in err, however they are joined.
func FieldErrors(err error) []*FieldError {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*FieldError
		for _, e := range joined.Unwrap() {
			all = append(all, FieldErrors(e)...)
		}
		return all
	}
	var field *FieldError
	if errors.As(err, &field) {
		return []*FieldError{field}
	}
	return nil
}

// DialError says that no connection to an endpoint came about. It holds no
// secret.
type DialError struct {
	Endpoint string // its URL without user information
	Err      error
}

// Error returns the endpoint and the reason.
func (e *DialError) Error() string { return "connect to " + e.Endpoint + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *DialError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out.
func (e *DialError) Timeout() bool {
	var timeout net.Error
	return errors.As(e.Err, &timeout) && timeout.Timeout()
}

// unknown is the error for a word that is not one of the known ones; it names
// the nearest.
func unknown(what, word string, known ...string) error {
	if near := nearest(word, known); near != "" {
		return fmt.Errorf("unknown %s %q, did you mean %s?", what, clip(word), near)
	}
	return fmt.Errorf("unknown %s %q, known are %s", what, clip(word), strings.Join(known, ", "))
}

// nearest returns the known word that takes the fewest edits to reach, or "" when
// none is near.
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", 1+max(len(word)/3, 1)
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
