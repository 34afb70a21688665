// Package http1 reads and writes the HTTP/1.1 wire format (RFC 9112) for a
// proxy that must not change what it passes on.
//
// A general-purpose HTTP library turns a message into its own idea of it and
// writes that idea out again: names get a canonical case, fields are reordered,
// defaults are added, informational answers are dropped. Weir promises its
// clients the opposite, so this package keeps a message as the bytes that
// arrived and an index over them:
//
//   - [Header] is the header block as received plus one [Field] per line. A
//     field is a pair of offsets and the [FieldID] of the names that Weir acts
//     on, so that later stages switch on a small integer instead of comparing
//     strings. Forwarding copies the kept lines verbatim, in their order.
//   - [Request] and [Response] add the start line and the framing that RFC 9112
//     section 6.3 derives from it.
//   - [ChunkReader] takes chunked coding apart and [AppendChunk] puts it
//     together again; chunk extensions end here (RFC 9112 section 7.1.1 lets
//     every recipient drop them).
//
// # Strictness
//
// Request smuggling lives on messages that two parsers read differently, so
// nothing ambiguous is repaired: bare LF or CR, obsolete line folding, white
// space before a colon, control bytes, a repeated or signed Content-Length,
// Content-Length next to Transfer-Encoding, any transfer coding but a single
// "chunked", a missing or repeated Host, are errors of type [*ParseError] that
// carry the status to answer with. Every parser is incremental: it takes what
// has arrived, says how much it needs, and never looks at a byte twice.
//
// # Memory
//
// Nothing here allocates in the steady state. A Header refers to its caller's
// buffer by offsets only; the buffer may be moved ([Header.Rebase]) as long as its
// content stays the same. Nothing here does I/O or keeps state between calls
// other than in the values that the caller owns. No type is safe for concurrent
// use.
package http1
