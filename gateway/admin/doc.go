// Package admin is the listener for operators: health, metrics, profiles and the
// API under /api/v1/. It also has the [Client] that weir's own commands use.
//
// The package sees the gateway through the interface [Gateway] and puts it into
// JSON; what the shapes mean is said at [Queue], [Class] and [Upstream], and to
// machines by the OpenAPI description at /api/v1/openapi.json.
//
// # Who may do what
//
// /healthz and /readyz answer anyone: they tell nothing but a state, and a
// kubelet has no token. Everything else depends on whether tokens are configured.
//
// With tokens, a request needs one as "Authorization: Bearer". A viewer may GET;
// an admin may change things and take profiles, which cost CPU and show what the
// process is doing. Only SHA-256 sums of tokens are known; all of them are
// compared, in constant time. An address that presents wrong tokens waits longer
// and longer, up to half a minute, and is answered 429 meanwhile.
//
// Without tokens the listener answers loopback addresses and Unix sockets only,
// and then a browser on the same machine is what must be kept out. A page whose
// name was pointed at 127.0.0.1 is told by its Host field; one that sends requests
// across sites by Sec-Fetch-Site or Origin. A state-changing request must also
// carry what a form cannot send: Content-Type application/json or the field
// X-Weir-Admin. A request that came through a proxy is refused, since its peer
// says nothing about who sent it.
//
// Every state-changing request is logged with who sent it and what came of it.
package admin
