// Package identity finds out who is calling and what is known about them.
//
// # From a request to a principal
//
// [Identifier.Identify] looks for a credential where the SDKs of the vendors put
// theirs, so that a client only changes its base URL and its key: a bearer token
// in Authorization (RFC 6750 section 2.1), x-api-key, api-key, x-goog-api-key,
// and the query parameter key. It answers with a [Principal], which is shared
// and immutable, and a [Credential], which remembers where the secret stood so
// that exactly those places are taken out before the request goes upstream.
//
// A credential is either an API key or a JSON Web Token (RFC 7519). Of an API
// key only the SHA-256 is kept; a key is looked up by its digest, so the time
// that takes says nothing about other keys. A token is verified against the keys
// that the identity provider publishes; a verified one is remembered by its
// digest until it expires, so that a client pays for a signature check once.
//
// With neither configured, Weir has no credentials of its own: everybody is
// anonymous and every field passes to the upstream as it came. With either, a
// credential that is presented must be good: a bad one is refused even where
// anonymous callers are welcome, since whoever presents a key wants what it
// grants.
//
// # From a principal to attributes
//
// [Attributes] are what classes, caches, budgets and reports go by. They come
// from the configuration of the key or the claims of the token. On top,
// [Identifier.Apply] believes those X-Weir-* request fields that the caller's
// may_assert lists, and counts the others.
//
// # Addresses
//
// A peer address is a fact; what a peer says in X-Forwarded-For or Forwarded
// (RFC 7239) is a claim. [Proxies] knows which peers are believed, finds the
// client behind them, and writes the forwarding fields of the outgoing request.
//
// # Campaigns
//
// [CampaignTable] holds what each campaign is worth, exactly, in millionths.
//
// # Goroutines and memory
//
// An Identifier with a JWT configuration owns one goroutine that fetches the
// provider's keys; [Identifier.Close] ends it. A request waits for the network
// only when its token names a key that was never seen, for two seconds at most
// and not more often than every ten seconds. All tables have a bound. Everything
// is safe for concurrent use unless it says otherwise. Secrets are never part of
// an error or a log line.
package identity
