// Package wire is Weir's socket layer: connections that hold no buffer while
// they wait, deadlines that cost no timer per request, and a watch that notices
// when a peer hangs up although nobody reads.
//
// # Waiting without a buffer
//
// A proxy's connections spend nearly all their time waiting: idle keep-alive
// connections for the next request, streams for the next event. [Conn.Fill] asks
// the kernel for data only when the socket is readable and takes a [Buffer] from
// the pool at that moment, so that a waiting connection costs a goroutine's stack
// and little else. TLS connections keep their own buffers and are read the
// ordinary way.
//
// # Noticing a hang-up
//
// While a request waits in a queue nobody reads its connection, and a byte that
// the client has pipelined would hide the end of the stream from whoever did.
// The [Watcher] therefore registers every connection once, when it is accepted,
// on an epoll instance of its own for EPOLLRDHUP, and tells the connection's
// owner. It costs no system call per request. Where there is no epoll, a sweep
// over the watched connections does the same a little later.
//
// # Deadlines
//
// [Conn.ReadWithin] and [Conn.WriteWithin] promise that the next operation is
// given at least d and at most 9/8 of d. That tolerance lets them leave the
// runtime's timer alone while it still lies in the window, which on a busy
// connection is nearly always.
package wire
