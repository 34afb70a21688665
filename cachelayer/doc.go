// Package cachelayer is the room for Weir's cache: keys, freshness (RFC 9111),
// the tiers from process memory over Redis to disk or PostgreSQL, flights that
// make one upstream call for many equal requests, and invalidation.
//
// This version of Weir caches nothing. The package is empty but for this text;
// configuration that asks for a cache is refused and not ignored.
//
// What will live here knows nothing of HTTP servers, of configuration files, of
// the scheduler or of prices: package gateway composes them. In a request's way
// it stands between classification and the queue.
package cachelayer
