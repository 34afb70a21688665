// Package upstream keeps the endpoints of one upstream: it says which of them
// takes a call, holds the connections to them, and knows which are fit.
//
// It does not speak HTTP on those connections; the gateway does. A call goes
// like this:
//
//	pool.CountRequest()
//	for {
//		ep, err := pool.Pick(&tried)         // policy, health, breaker
//		conn, err := ep.Acquire(dial)        // an idle connection or a new one
//		... write the request, read the answer ...
//		ep.Release(conn)                     // or Discard
//		ep.Done(upstream.Success)            // in-flight count, breaker
//		if done || !pool.RetryOn(cause) || !pool.AllowRetry() {
//			break
//		}
//		tried.Add(ep)
//	}
//
// # Choice
//
// two_choices (the default) draws two endpoints at random by weight and takes the
// one with fewer calls in flight for its weight. least_in_flight compares all of
// them. weighted is smooth weighted round robin. A call is in flight until Done,
// so an answer that streams for minutes counts for minutes. An endpoint with
// weight 0 gets no calls.
//
// # Health
//
// Two judges can take an endpoint out. The breaker (passive) opens after so many
// failures in a row and later lets single calls through as probes. The checker
// (active, if a path is configured) asks the endpoint at intervals; an endpoint
// starts healthy. If the checks fail for every endpoint they are disbelieved and
// calls go to all, since a wrong path or a broken network between gateway and
// endpoints is likelier than the loss of all at once, and trying costs less than
// refusing. The breakers still hold then. Checks carry the endpoint's own
// credential and never a client's; redirects are good answers and not followed;
// the path is taken as it is, without the prefix of the URL.
//
// # Connections
//
// Idle connections are a stack: the last one in is the first one out. Before it is
// used again a connection is checked: the watcher would have noticed its end, and
// one that has been idle for more than a second, or that nobody watches, is also
// asked with a poll that does not block. So a request is not written into a
// connection that the endpoint has already closed. An endpoint may still close it
// while the request is on its way; [Conn].Reused tells the caller when that is a
// possibility.
//
// Host names are resolved in the background, over IPv4 and IPv6, and the last good
// addresses stay in use when that fails. Dials go round the addresses and race
// them as RFC 8305 says. A change of addresses concerns new connections only:
// large services answer with other addresses each time, and closing connections
// for that would be waste. The maximum lifetime moves the rest over.
//
// # Retry budget
//
// Retries may be a percentage of the requests of the last ten seconds, and three
// are always allowed so that a quiet upstream gets its retries too.
//
// # Reload
//
// A [Pool] does not change. [Pool.Reload] makes its successor, which shares the
// endpoints that stayed as they were; each lives until the last pool that uses it
// is closed.
//
// # Cost
//
// Pick, Acquire of an idle connection, Release and Done allocate nothing, make no
// system call for a connection that is in use, and take no lock that is held
// during I/O.
package upstream
