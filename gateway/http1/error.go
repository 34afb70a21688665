package http1

// ParseError says why a message was refused and which status answers it. The
// text is fixed: it never repeats what the peer sent.
type ParseError struct {
	Status int    // 400, 414, 431, 501 or 505 for requests; 502 for responses
	Msg    string // what is wrong
}

func (e *ParseError) Error() string { return e.Msg }

// Errors that callers tell apart. All parse errors are of type [*ParseError].
var (
	// ErrHeaderTooLarge means that a header block exceeds its limit.
	ErrHeaderTooLarge = &ParseError{431, "header block larger than the limit"}
	// ErrTooManyFields means that a header block has more lines than the limit.
	ErrTooManyFields = &ParseError{431, "header block has too many fields"}
	// ErrTargetTooLong means that a request target exceeds its limit.
	ErrTargetTooLong = &ParseError{414, "request target longer than the limit"}
	// ErrVersion means that the peer speaks something other than HTTP/1.0 or 1.1.
	ErrVersion = &ParseError{505, "HTTP version not supported; use HTTP/1.1"}
	// ErrTransferCoding means that a coding is applied below "chunked".
	ErrTransferCoding = &ParseError{501, "transfer coding not supported; use chunked"}
	// ErrChunk means malformed chunked coding.
	ErrChunk = &ParseError{400, "malformed chunked body"}
)

var (
	errBareLF        = &ParseError{400, "line ends with a bare LF"}
	errBareCR        = &ParseError{400, "CR without LF in a line"}
	errRequestLine   = &ParseError{400, "malformed request line"}
	errMethod        = &ParseError{400, "malformed method"}
	errTarget        = &ParseError{400, "malformed request target"}
	errFieldName     = &ParseError{400, "malformed field name"}
	errFieldValue    = &ParseError{400, "control byte in a field value"}
	errFolding       = &ParseError{400, "obsolete line folding"}
	errContentLength = &ParseError{400, "malformed or repeated Content-Length"}
	errBothFramings  = &ParseError{400, "both Content-Length and Transfer-Encoding"}
	errTE            = &ParseError{400, "Transfer-Encoding repeated or not ending in chunked"}
	errTE10          = &ParseError{400, "Transfer-Encoding in an HTTP/1.0 message"}
	errConnection    = &ParseError{400, "too many connection options"}
	errHost          = &ParseError{400, "missing, repeated or malformed Host"}
	errStatusLine    = &ParseError{502, "malformed status line"}
)

// asResponse returns e with the status that fits an upstream's fault.
func asResponse(e error) error {
	if p, ok := e.(*ParseError); ok && p.Status != 502 { //nolint:errorlint // parse errors are never wrapped here
		return &ParseError{502, p.Msg}
	}
	return e
}
