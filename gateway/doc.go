// Package gateway is the data plane: it takes HTTP requests from clients, decides
// with packages identity, routing and scheduler who is asking, where the request
// goes and when, and passes it to an upstream and the answer back.
//
// # The life of a request
//
// A connection (conn.go) reads one request after another. Each is an exchange
// (exchange.go) that lives inside the connection and walks through these stages,
// each of which says whether the next may have it:
//
//	receive    limits, expectations, draining          exchange.go
//	identify   principal, attributes, claims           exchange.go
//	findRoute  route and upstream                      exchange.go
//	inspect    what a JSON body says of its mode       exchange.go, body.go
//	classify   priority class and flow                 exchange.go
//	enqueue    wait for a seat                         queue.go
//	call       endpoint, retries, fallback             forward.go, request.go
//	relay      head and body back to the client        relay.go, tunnel.go
//	finish     seat, metrics, log line                 settle.go
//
// Errors of the gateway's own are values of type failure (failure.go), written by
// one function (respond.go).
//
// # Who owns what
//
// The exchange's goroutine owns the request's memory until the next request is
// read. Two others touch it: the body pump, while a body that is not in memory is
// on its way upstream, and the hang-up watch, which knows only the ticket and the
// upstream connection of an exchange, under the connection's mutex. A seat is held
// from the grant to the end of the answer and given back by finish or before a
// fallback. Nothing of a request is kept after finish.
//
// # Configuration
//
// Config is compiled into a snapshot (snapshot.go) that never changes. Apply makes
// another and publishes it with one atomic store; requests under way keep theirs.
// Schedulers, connections and health of what stays are taken over.
package gateway
