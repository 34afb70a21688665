package identity

import (
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/weir-gateway/weir/gateway/http1"
)

// What [Identifier.Identify] answers when it cannot say who is calling. Test
// with errors.Is.
var (
	// ErrNoCredential means that none was presented where one is needed (401).
	ErrNoCredential = errors.New("no credential was presented")
	// ErrUnknownCredential means that the one presented is not known, has expired
	// or is not properly signed (401). The error that wraps it says which.
	ErrUnknownCredential = errors.New("the credential is not valid")
	// ErrAmbiguousCredential means that several were presented that differ (400).
	ErrAmbiguousCredential = errors.New("the request carries several credentials that differ")
	// ErrUnavailable means that the keys to verify a token with could not be had
	// from the identity provider (503).
	ErrUnavailable = errors.New("the keys of the identity provider are not available")
)

// refusal is the reason why a credential is not valid. Refusals are made ahead so
// that turning somebody away costs no memory.
type refusal struct{ reason string }

func (r *refusal) Error() string        { return "the credential is not valid: " + r.reason }
func (r *refusal) Is(target error) bool { return target == ErrUnknownCredential }

var errUnknownKey error = &refusal{"unknown key"}

// Deps is what an Identifier needs from outside. Every field may be left out.
type Deps struct {
	// LookupEnv finds an environment variable; os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
	// ReadFile reads a file; os.ReadFile if nil.
	ReadFile func(string) ([]byte, error)
	// Client fetches the keys of the identity provider. If nil, the Identifier
	// makes one with deadlines and closes its connections.
	Client *http.Client
	// Now tells the time that tokens are judged by; time.Now if nil.
	Now func() time.Time
	// Logger hears about key fetches; silent if nil.
	Logger *zap.Logger
	// Previous is the Identifier that this one replaces in a reload. Its keys are
	// taken over when they come from the same place, so that a reload does not
	// refuse tokens while the identity provider is away. It is not closed.
	Previous *Identifier
}

func (d *Deps) setDefaults() {
	if d.LookupEnv == nil {
		d.LookupEnv = os.LookupEnv
	}
	if d.ReadFile == nil {
		d.ReadFile = os.ReadFile
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Logger == nil {
		d.Logger = zap.NewNop()
	}
}

// Identifier says who is calling. It is safe for concurrent use.
type Identifier struct {
	keys      keyTable
	tokens    *tokenVerifier // nil without a JWT configuration
	anonymous *Principal     // nil if credentials are needed
	open      bool           // nothing is a credential
	proxies   *Proxies
	values    *interner
}

// New compiles a configuration. With JWT it waits up to two seconds for the keys
// of the identity provider and goes on without them if they do not come. Errors
// are [*FieldError], joined.
func New(cfg Config, deps Deps) (*Identifier, error) {
	cfg.SetDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps.setDefaults()
	id := &Identifier{open: len(cfg.APIKeys) == 0 && cfg.JWT == nil, values: newInterner()}
	var err error
	if id.keys, err = loadKeys(cfg.APIKeys, &deps); err != nil {
		return nil, err
	}
	if id.proxies, err = CompileProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if !cfg.Anonymous.Deny {
		id.anonymous = &Principal{Name: anonymousName, Attributes: cfg.Anonymous.Attributes}
	}
	if cfg.JWT != nil {
		if id.tokens, err = newTokenVerifier(cfg.JWT, &deps); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// Close ends what runs in the background and waits for it. Requests may still be
// identified afterwards, with the keys known by then.
func (id *Identifier) Close() {
	if id.tokens != nil {
		id.tokens.source.close()
	}
}

// Proxies returns the peers whose forwarding fields are believed.
func (id *Identifier) Proxies() *Proxies { return id.proxies }

// Identify says who sent the request with header block h and raw query (what
// follows the '?'), and where its credential stood. Errors are
// [ErrNoCredential], [ErrUnknownCredential], [ErrAmbiguousCredential] and
// [ErrUnavailable], or wrap one of them. The call takes time only for a token
// that was never seen, and may wait two seconds when that names a new key.
func (id *Identifier) Identify(h *http1.Header, query []byte) (*Principal, Credential, error) {
	if id.open {
		return id.anonymous, Credential{}, nil
	}
	p, err := findCredential(h, query)
	if err != nil {
		return nil, Credential{}, err
	}
	if len(query) >= len("key=") {
		return id.identifyWithQuery(p, query)
	}
	return id.resolve(p)
}

// identifyWithQuery also considers the parameter key. Beside a credential in a
// header field it belongs to the application, unless it is a key of Weir's too.
func (id *Identifier) identifyWithQuery(p presented, query []byte) (*Principal, Credential, error) {
	var buf [256]byte
	var first digest
	var secret []byte
	foreign := false
	for value, rest := nextKey(buf[:0], query); value != nil; value, rest = nextKey(buf[:0], rest) {
		d := digest(sha256.Sum256(value))
		switch {
		case p.where.n > 0 && string(value) == string(p.secret):
			p.where.query = true
		case p.where.n > 0 && id.keys.find(d) == nil:
			foreign = true
		case p.where.n > 0, secret != nil && d != first:
			return nil, Credential{}, ErrAmbiguousCredential
		default:
			secret, first = value, d
		}
	}
	if secret == nil {
		if foreign && p.where.query {
			return nil, Credential{}, ErrAmbiguousCredential
		}
		return id.resolve(p)
	}
	principal, err := id.lookUp(first, secret)
	if err != nil {
		return nil, Credential{}, err
	}
	return principal, Credential{query: true}, nil
}

func (id *Identifier) resolve(p presented) (*Principal, Credential, error) {
	if p.where.n == 0 {
		if id.anonymous == nil {
			return nil, Credential{}, ErrNoCredential
		}
		return id.anonymous, Credential{}, nil
	}
	principal, err := id.lookUp(sha256.Sum256(p.secret), p.secret)
	if err != nil {
		return nil, Credential{}, err
	}
	return principal, p.where, nil
}

// lookUp resolves a secret: keys and remembered tokens go by the same digest.
func (id *Identifier) lookUp(d digest, secret []byte) (*Principal, error) {
	if p := id.keys.find(d); p != nil {
		return p, nil
	}
	if id.tokens == nil || !looksLikeToken(secret) {
		return nil, errUnknownKey
	}
	return id.tokens.identify(d, secret)
}

// maxRequestID bounds an X-Request-Id in bytes.
const maxRequestID = 128

// CallerRequestID returns the X-Request-Id of the request if its sender may
// choose it: a principal that may assert request_id, or a trusted peer. It is nil
// if there is none to believe, if it is repeated, longer than 128 bytes, or has
// other bytes than visible ASCII. The result aliases the request's buffer.
func (id *Identifier) CallerRequestID(p *Principal, peer netip.Addr, h *http1.Header) []byte {
	if !p.MayAssert.Has(AssertRequestID) && !id.proxies.Trusted(peer) {
		return nil
	}
	i := h.Find(http1.XRequestID)
	if i < 0 || h.FindFrom(http1.XRequestID, i+1) >= 0 {
		return nil
	}
	v := h.Value(i)
	if len(v) == 0 || len(v) > maxRequestID {
		return nil
	}
	for _, c := range v {
		if c <= ' ' || c > '~' {
			return nil
		}
	}
	return v
}

// newClient makes the client for keys: every step has a deadline.
func newClient() *http.Client {
	return &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			TLSHandshakeTimeout:   2 * time.Second,
			ResponseHeaderTimeout: fetchTimeout,
			MaxIdleConns:          1,
			IdleConnTimeout:       10 * time.Second,
			ForceAttemptHTTP2:     true,
		},
	}
}

func itoa(i int) string { return strconv.Itoa(i) }
