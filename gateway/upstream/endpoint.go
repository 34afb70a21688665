package upstream

import "fmt"

// Result is what a call says about its endpoint.
type Result uint8

// Results of a call.
const (
	Ignored Result = iota // nothing: the client left, the endpoint asked to slow down, or the like
	Success
	Failure
)

// Endpoint is one endpoint as lent by [Pool.Pick] for one call. It is used from
// Pick to [Endpoint.Done] and then forgotten: two calls to the same endpoint may or
// may not see the same pointer. All methods are safe for concurrent use.
type Endpoint struct {
	b     *backend
	probe func(error) // set if this call tells whether the breaker closes again
}

// URL returns the endpoint's URL without user information.
func (e *Endpoint) URL() string { return e.b.plan.target.url }

// String returns the URL without user information.
func (e *Endpoint) String() string { return e.URL() }

// GoString keeps secrets out of %#v.
func (e *Endpoint) GoString() string { return fmt.Sprintf("upstream.Endpoint(%q)", e.URL()) }

// Authority returns host and port as the Host field wants them (RFC 9110 section
// 7.2). The bytes must not be changed.
func (e *Endpoint) Authority() []byte { return e.b.authority }

// Prefix returns what goes before every path, without a slash at its end; empty
// for none. The bytes must not be changed.
func (e *Endpoint) Prefix() []byte { return e.b.prefix }

// Credential returns a header line with its CRLF that proves who Weir is, nil if
// the endpoint wants none. The bytes are secret and must not be changed.
func (e *Endpoint) Credential() []byte { return e.b.credential }

// TLS reports whether connections are encrypted.
func (e *Endpoint) TLS() bool { return e.b.tls != nil }

// PreserveHost reports whether the client's Host is sent on; otherwise
// [Endpoint.Authority] takes its place.
func (e *Endpoint) PreserveHost() bool { return e.b.plan.preserveHost }

// Acquire returns a connection: the idle one that was used last, or a new one.
// An error is [ErrAborted] or a [*DialError]. It allocates only to dial.
func (e *Endpoint) Acquire(d Dial) (*Conn, error) {
	if !d.Fresh {
		if c := e.b.reuse(); c != nil {
			return c, nil
		}
	}
	return e.b.dial(d)
}

// Release gives back a connection whose last answer has been read to its end and
// on which another call may follow. It is kept for one, or closed.
func (e *Endpoint) Release(c *Conn) { c.owner.keep(c) }

// Discard closes a connection.
func (e *Endpoint) Discard(c *Conn) { _ = c.Close() }

// Note keeps err as the endpoint's last error, for [Pool.Stats]. Its text is
// bounded and the endpoint's own credential is taken out of it.
func (e *Endpoint) Note(err error) { e.b.note(err) }

// Done ends the call that Pick began and says how it went. It is called exactly
// once, also when no connection came about.
func (e *Endpoint) Done(r Result) {
	e.b.inFlight.Add(-1)
	if r == Failure {
		e.b.failures.Add(1)
	}
	e.b.breaker.finish(e, r)
}
