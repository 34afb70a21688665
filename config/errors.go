package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxErrors is how many errors are reported at once.
const MaxErrors = 20

// Error is one thing that is wrong with a configuration file.
type Error struct {
	// File is the name given to Parse or Load.
	File string
	// Line and Column count from 1; columns count characters.
	Line, Column int
	// Msg says what is wrong, and what would be right.
	Msg string
}

// Error writes file:line:column: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

// Errors is everything that is wrong with a file, by position. It is what Parse
// and Load return for a file that could be read.
type Errors []*Error

// Error writes one line per error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// position is a place in the file.
type position struct{ line, column int }

// report collects the errors of one file.
type report struct {
	file string
	errs Errors
}

func (r *report) addf(at position, format string, args ...any) {
	r.errs = append(r.errs, &Error{
		File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Msg: printable(fmt.Sprintf(format, args...)),
	})
}

// err returns what was found by position, without repetition, or nil.
func (r *report) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := slices.CompactFunc(r.errs, func(a, b *Error) bool { return *a == *b })
	if more := len(errs) - MaxErrors; more > 0 {
		last := errs[MaxErrors]
		errs = append(errs[:MaxErrors:MaxErrors], &Error{
			File: r.file, Line: last.Line, Column: last.Column, Msg: fmt.Sprintf("and %d more errors from here on", more),
		})
	}
	return errs
}

// printable keeps a message on one line, whatever the file contains.
func printable(s string) string {
	const longest = 500
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + " …"
	}
	return s
}
