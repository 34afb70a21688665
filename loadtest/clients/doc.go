// Package clients proves that real clients, unmodified but for base URL and key,
// get through Weir exactly what they get from the upstream itself: the OpenAI and
// Anthropic SDKs for Go, and those for JavaScript under Node. It is a module of
// its own so that their dependencies stay out of Weir's.
package clients
