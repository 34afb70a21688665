// Package mock is an upstream for tests, demos and benchmarks: it stands in for LLM providers and for a
// marketing API, with the latency, the limits and the faults that it is told to have, and it counts what it
// did, so that what a gateway reports can be compared with what really happened.
//
// # Endpoints
//
//	OpenAI     POST /v1/chat/completions, /v1/responses, /v1/embeddings; GET /v1/models, /v1/models/{model}
//	DashScope  the same below /compatible-mode/v1
//	Anthropic  POST /v1/messages, /v1/messages/count_tokens
//	Gemini     POST /v1beta/models/{model}:generateContent, :streamGenerateContent, :countTokens, :embedContent
//	Marketing  /profiles, /profiles/{id}, /campaigns, /campaigns/{id}, /campaigns/{id}/events,
//	           /segments/{id}/members, /assets/{n}
//	Helpers    /x/plain, echo, status/{code}, early-hints, continue, trailers, ws, upgrade, slow, close-early,
//	           garbage, hang, repeat-headers, no-length, big-headers, gzip
//	Admin      GET /mock/stats, POST /mock/reset, GET /healthz, GET /metrics-free
//
// Profiles p1 to p100000, campaigns c1 to c500 and segments s1 to s200 exist by themselves; their content
// follows from the seed. /metrics-free answers like /healthz and, like all admin endpoints, is neither counted
// nor limited nor failed.
//
// # Tokens
//
// Input is counted by a rule that anyone can repeat: for each message, its text's bytes divided by four and
// rounded up; a system prompt counts as a message, token numbers count one each, images nothing. Output is the
// number of content pieces that were sent: in a stream, one content event is one token. Reasoning tokens, when
// ordered, come on top. [Stats] and the usage in the answers agree.
//
// # Orders
//
// A request may order how it is treated, by header or, for clients that cannot set any, by query parameter
// (X-Mock-Cached-Tokens is mock_cached_tokens). A header wins over a parameter; an unknown name or a bad value
// is answered 400.
//
//	X-Mock-Latency           time to first byte: 50ms, or any Dist; replaces Config.TTFT or Config.Latency
//	X-Mock-Gap               time between tokens; an answer in one piece waits for all of them
//	X-Mock-Tokens            output tokens: 20, or any Dist
//	X-Mock-Status            answer this status, 400 to 599, in the protocol's error shape
//	X-Mock-Fail              reset | close-early | garbage | hang | slow-headers | cut-stream=N
//	X-Mock-Error-Rate        answer Config.ErrorStatus with this probability
//	X-Mock-Tag               count under this tag as well
//	X-Mock-Pad               bytes of content per token
//	X-Mock-Timestamps        1: the content of a token is the time it was sent, in Unix nanoseconds
//	X-Mock-Cached-Tokens     so many of the input tokens came from the provider's cache
//	X-Mock-Reasoning-Tokens  so many output tokens were spent on reasoning
//	X-Mock-Cache-Control     Cache-Control of the marketing answers and of /x/plain
//
// cut-stream=N ends a stream without its end after N tokens; an answer that is no stream is not affected.
// Faults by rate (Config.Faults) hit the provider and marketing endpoints only.
//
// # Hang-ups
//
// A client that closes its connection, or its sending side, is noticed at once on Linux, also before the first
// byte and between two events. The request ends there, is counted as aborted (status 499) and described in
// Stats.Aborts. Elsewhere a hang-up shows when a write fails.
//
// # How it is built
//
// The server is fasthttp's. A stream is a body reader that sleeps until its next event, so it runs on the
// connection's own goroutine and costs no other. What fasthttp would tidy up (odd header names, garbage, half a
// body) is written past it. Random numbers come from the seed and the number of the request: the n-th counted
// request draws the same in every run.
package mock
