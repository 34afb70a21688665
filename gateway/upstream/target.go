package upstream

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// target is an endpoint's URL taken apart. It does not change.
type target struct {
	url       string // canonical, without user information
	scheme    string // http, https or unix
	host      string // to resolve and to verify; "" for a unix socket
	port      uint16
	socket    string // path of a unix socket
	authority string // for Host (RFC 9110 section 7.2): the port only if it is not the scheme's own
	prefix    string // goes before every path; never ends in '/'
	basic     string // user:password of the URL
}

// address is the host as an address, invalid if it is a name.
func (t *target) address() netip.Addr {
	a, err := netip.ParseAddr(t.host)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

func (t *target) tls() bool { return t.scheme == "https" }

// parseTarget takes a URL apart. Its errors do not repeat the URL, which may hold
// a password.
func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{}, errors.New("an endpoint needs a url such as http://10.0.0.7:8000")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, errors.New("is not a URL: write http(s)://host[:port][/prefix] or unix:///path")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return target{}, errors.New("only scheme, host, port and path prefix are allowed in the URL of an endpoint")
	}
	switch u.Scheme {
	case "http", "https":
		return parseWebTarget(u)
	case "unix":
		return parseSocketTarget(u)
	case "":
		return target{}, errors.New("the URL has no scheme: write http(s)://host[:port][/prefix] or unix:///path")
	}
	return target{}, unknown("scheme", u.Scheme, "http", "https", "unix")
}

func parseWebTarget(u *url.URL) (target, error) {
	t := target{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: 80}
	if err := checkHost(t.host); err != nil {
		return target{}, err
	}
	if t.tls() {
		t.port = 443
	}
	port := ""
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return target{}, fmt.Errorf("port %s is not between 1 and 65535", clip(p))
		}
		if uint16(n) != t.port {
			t.port = uint16(n)
			port = ":" + strconv.Itoa(int(n))
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return target{}, errors.New("the port is missing after ':'")
	}
	t.prefix = strings.TrimRight(u.EscapedPath(), "/")
	if t.prefix != "" {
		if err := checkPath(t.prefix); err != nil {
			return target{}, err
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		t.basic = u.User.Username() + ":" + password
	}
	t.authority = bracketed(t.host) + port
	t.url = t.scheme + "://" + t.authority + t.prefix
	if address, zone, ok := strings.Cut(t.host, "%"); ok {
		// A zone means something on this machine only, so Host does not have it
		// (RFC 6874 section 3).
		t.authority = bracketed(address) + port
		t.url = t.scheme + "://" + bracketed(address+"%25"+url.PathEscape(zone)) + port + t.prefix
	}
	return t, nil
}

// bracketed puts an IPv6 address into brackets (RFC 3986 section 3.2.2).
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func parseSocketTarget(u *url.URL) (target, error) {
	switch {
	case u.Host != "" || u.User != nil:
		return target{}, errors.New("a unix socket is written with three slashes: unix:///path")
	case len(u.Path) < 2:
		return target{}, errors.New("the path of the unix socket is missing")
	case len(u.Path) > 100: // sun_path holds 104 bytes on the smallest system
		return target{}, errors.New("the path of the unix socket is longer than 100 bytes")
	}
	return target{url: "unix://" + u.Path, scheme: "unix", socket: u.Path, authority: "localhost"}, nil
}

// checkHost accepts addresses and host names in ASCII.
func checkHost(host string) error {
	if host == "" {
		return errors.New("the URL has no host")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if len(host) > 253 {
		return errors.New("the host name is longer than 253 bytes")
	}
	for _, r := range host {
		if r >= 0x80 {
			return fmt.Errorf("host %q is not ASCII: write its xn-- form", clip(host))
		}
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r) {
			return fmt.Errorf("%q is not a host name", clip(host))
		}
	}
	return nil
}

// checkPath accepts what can stand in a request line.
func checkPath(path string) error {
	if path[0] != '/' {
		return fmt.Errorf("%q does not begin with '/'", clip(path))
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] >= 0x7f || path[i] == '#' {
			return fmt.Errorf("%q has a byte at %d that a request line cannot carry: percent-encode it", clip(path), i)
		}
	}
	return nil
}

// credential is a header field that proves who Weir is. Its zero value is none.
type credential struct{ name, value string }

// line is the field with its CRLF, nil if there is none.
func (c credential) line() []byte {
	if c.name == "" {
		return nil
	}
	return []byte(c.name + ": " + c.value + "\r\n")
}

// newCredential puts a key where the protocol looks for it.
func newCredential(protocol, header, key string) credential {
	switch {
	case key == "":
		return credential{}
	case header != "":
		return credential{header, key}
	case protocol == "anthropic":
		return credential{"x-api-key", key}
	case protocol == "gemini":
		return credential{"x-goog-api-key", key}
	}
	return credential{"Authorization", "Bearer " + key}
}

func basicCredential(userPassword string) credential {
	return credential{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(userPassword))}
}

// checkKey accepts what a field value can carry (RFC 9110 section 5.5). Its error
// does not repeat the key.
func checkKey(key string) error {
	if key == "" {
		return errors.New("the key is empty")
	}
	for i := range len(key) {
		if key[i] < 0x21 || key[i] == 0x7f {
			return errors.New("the key contains white space or control characters")
		}
	}
	return nil
}

// checkKeyHeader accepts field names (RFC 9110 section 5.1) that Weir does not
// itself write.
func checkKeyHeader(name string) error {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("%q is not a field name", clip(name))
		}
	}
	switch strings.ToLower(name) {
	case "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "via", "keep-alive":
		return fmt.Errorf("%s cannot carry a key", name)
	}
	return nil
}
