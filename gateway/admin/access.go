package admin

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// need is what a route asks of the caller.
type need uint8

const (
	needNothing need = iota
	needViewer
	needAdmin
)

// caller is who was let in, for the audit log.
type caller struct {
	name string // of the token; empty: a local peer without one
	peer string
}

// access decides who may do what; doc.go says how.
type access struct {
	tokens   atomic.Pointer[tokenSet]
	throttle *throttle
	origin   *http.CrossOriginProtection
}

func newAccess(now func() time.Time) *access {
	return &access{throttle: newThrottle(now), origin: http.NewCrossOriginProtection()}
}

func (a *access) setTokens(tokens []Token) error {
	set, err := newTokenSet(tokens)
	if err != nil {
		return err
	}
	a.tokens.Store(&set)
	return nil
}

// check lets r in or says why not.
func (a *access) check(r *http.Request, n need) (caller, *failure) {
	who := caller{peer: r.RemoteAddr}
	if n == needNothing {
		return who, nil
	}
	if a.origin.Check(r) != nil { // state-changing, and a browser says that another site sent it
		return who, forbidden("cross_site", "a request from another site cannot change anything here")
	}
	tokens := *a.tokens.Load()
	if len(tokens) == 0 {
		return who, checkLocal(r)
	}
	known, f := a.checkToken(r, tokens)
	if f != nil {
		return who, f
	}
	who.name = known.name
	if n == needAdmin && known.role != RoleAdmin {
		return who, forbidden("role", "this needs a token with the role admin")
	}
	return who, nil
}

func (a *access) checkToken(r *http.Request, tokens tokenSet) (knownToken, *failure) {
	peer, _ := peerAddr(r)
	if wait := a.throttle.wait(peer); wait > 0 {
		return knownToken{}, &failure{
			status: http.StatusTooManyRequests, code: "too_many_failures",
			message: "too many wrong tokens from this address; wait", retry: wait,
		}
	}
	secret, ok := bearer(r)
	if !ok {
		return knownToken{}, &failure{
			status: http.StatusUnauthorized, code: "no_token",
			message: "a token is needed: Authorization: Bearer TOKEN",
		}
	}
	known, ok := tokens.find(secret)
	if !ok {
		a.throttle.failed(peer)
		return knownToken{}, &failure{status: http.StatusUnauthorized, code: "wrong_token", message: "this token is not known"}
	}
	a.throttle.succeeded(peer)
	return known, nil
}

// bearer reads the token of RFC 6750 section 2.1. Two fields are no token: some
// proxy would see the other one.
func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// checkLocal is the rule without tokens: only what this machine's users send on
// purpose.
func checkLocal(r *http.Request) *failure {
	if !fromUnixSocket(r) {
		if peer, ok := peerAddr(r); !ok || !peer.IsLoopback() {
			return forbidden("not_loopback", "no token is configured (admin.tokens), so only this machine is answered")
		}
		if !isLoopbackHost(r.Host) {
			return forbidden("host", "no token is configured (admin.tokens), so the host must be localhost or a loopback address")
		}
	}
	for _, name := range [...]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return forbidden("proxied", "no token is configured (admin.tokens), so requests through a proxy are refused")
		}
	}
	return checkBrowser(r)
}

// checkBrowser keeps a page of another site from using a browser on this machine.
// Following a link to a page that only shows something is fine.
func checkBrowser(r *http.Request) *failure {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		follows := reads && r.Header.Get("Sec-Fetch-Mode") == "navigate" && !strings.HasPrefix(r.URL.Path, "/debug/")
		if !follows {
			return forbidden("cross_site", "requests from other sites are refused")
		}
	}
	if reads || isJSON(r) || r.Header.Get("X-Weir-Admin") != "" {
		return nil
	}
	return forbidden("csrf", "without a token a change needs Content-Type: application/json or X-Weir-Admin: 1")
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

func fromUnixSocket(r *http.Request) bool {
	_, ok := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
	return ok
}

func peerAddr(r *http.Request) (netip.Addr, bool) {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	return p.Addr().Unmap(), err == nil
}

func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
