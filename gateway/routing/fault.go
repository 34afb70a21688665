package routing

import "fmt"

// FieldError is a fault in one setting.
type FieldError struct {
	// Path is the setting, such as routes[1].match.path[0], or relative to the
	// part that was validated.
	Path string
	// Err says what is wrong with it and what would be right.
	Err error
}

// Error writes path and reason.
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

func fault(path, format string, args ...any) error {
	return &FieldError{Path: path, Err: fmt.Errorf(format, args...)}
}
