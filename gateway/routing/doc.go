// Package routing decides where a request goes and how urgent it is. Everything
// is compiled once per configuration and then only read, by any number of
// goroutines, without allocation.
//
// # Routes
//
// [CompileRoutes] turns the routes of a configuration into one index. The first
// route in the order of the file whose host, path and method match is taken.
//
// A path pattern is a list of segments. Within a segment, * stands for any bytes;
// ** as a whole segment, and * as the whole last one, stand for any number of
// segments, none included: /v1/* matches /v1, /v1/ and /v1/chat/completions.
// Everything else stands for itself, byte for byte.
//
// The bytes that are matched are the bytes that are sent upstream. Nothing is
// decoded or cleaned, so a path with dot segments, plain or percent-encoded,
// could mean one thing to Weir and another to the upstream. Such a path is
// accepted only if every reading of it leads to the same route; otherwise
// [Routes.Match] answers [AmbiguousPath].
//
// The index is a tree of literal segments per host, so that the cost grows with
// the length of the path and not with the number of routes.
//
// # Classes
//
// [CompileClasses] turns the classes' matches into predicates. The order of the
// classes is their rank and the order in which they are asked; the one class
// without a match takes what no other does, wherever it stands.
//
// # Bodies
//
// [ScanBody] reads the few members of an LLM request that Weir acts on in one
// pass over the body. It refuses members that are there twice, since parsers
// differ on which one counts.
package routing
