package identity

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	fetchTimeout    = 5 * time.Second  // of one fetch
	firstWait       = 2 * time.Second  // that New waits for keys
	demandWait      = 2 * time.Second  // that a request waits for keys
	demandInterval  = 10 * time.Second // between fetches on behalf of requests
	firstBackoff    = time.Second      // after a failed fetch; doubles
	maxBackoff      = time.Minute
	maxKeySetBytes  = 1 << 20
	fetchedTypeList = "application/jwk-set+json, application/json"
)

// keySource keeps the keys of an identity provider current. One goroutine makes
// all fetches; requests can only ask for one.
type keySource struct {
	url     string
	client  *http.Client
	own     bool // client was made here
	refresh time.Duration
	logger  *zap.Logger

	current atomic.Pointer[keySet]
	stop    context.CancelFunc
	ended   chan struct{}
	demand  chan struct{} // holds one request for a fetch

	mu struct {
		sync.Mutex
		round      *fetchRound // the one that requests may wait for, or nil
		lastDemand time.Time
		lastFailed bool // what is known may not be what is published
	}
}

// fetchRound is one fetch; failed may be read when done is closed.
type fetchRound struct {
	done     chan struct{}
	failed   bool
	demanded bool // a request waits for it; guarded by keySource.mu
}

// startKeySource starts the goroutine and waits a moment for the first keys,
// unless they can be taken over.
func startKeySource(cfg *JWTConfig, deps *Deps) *keySource {
	ctx, stop := context.WithCancel(context.Background())
	s := &keySource{
		url: cfg.JWKSURL, client: deps.Client, refresh: cfg.Refresh, logger: deps.Logger,
		stop: stop, ended: make(chan struct{}), demand: make(chan struct{}, 1),
	}
	if s.client == nil {
		s.client, s.own = newClient(), true
	}
	if prev := deps.Previous; prev != nil && prev.tokens != nil && prev.tokens.source.url == s.url {
		s.current.Store(prev.tokens.source.keys())
	}
	first := &fetchRound{done: make(chan struct{})}
	s.mu.round = first
	go s.run(ctx)
	if s.keys() == nil {
		s.wait(first, firstWait)
	}
	return s
}

func (s *keySource) close() {
	s.stop()
	<-s.ended
	if s.own {
		s.client.CloseIdleConnections()
	}
}

// keys returns the newest keys, or nil if there never were any.
func (s *keySource) keys() *keySet { return s.current.Load() }

// find returns the keys that may have signed a token. If none is known it has the
// provider asked, within limits.
func (s *keySource) find(h *tokenHeader) (*keySet, []*publicKey, error) {
	keys := s.keys()
	if keys == nil {
		return nil, nil, ErrUnavailable
	}
	fitting := keys.find(h)
	if len(fitting) > 0 {
		return keys, fitting, nil
	}
	if h.Kid != "" && !s.askForKeys() {
		return nil, nil, ErrUnavailable
	}
	keys = s.keys()
	if fitting = keys.find(h); len(fitting) == 0 {
		return nil, nil, errTokenKey
	}
	return keys, fitting, nil
}

// askForKeys waits for a fetch and reports whether what is known is what the
// provider publishes now, or did seconds ago. All callers of one moment share one
// fetch, and for a while after it nobody waits for another: otherwise made-up key
// ids would turn Weir against the provider, or a slow provider against Weir.
func (s *keySource) askForKeys() bool {
	s.mu.Lock()
	round := s.mu.round
	if round == nil || !round.demanded {
		now := time.Now()
		if now.Sub(s.mu.lastDemand) < demandInterval {
			failed := s.mu.lastFailed
			s.mu.Unlock()
			return !failed
		}
		s.mu.lastDemand = now
		if round == nil {
			round = &fetchRound{done: make(chan struct{})}
			s.mu.round = round
			s.demand <- struct{}{} // has room: only whoever makes a round sends
		}
		round.demanded = true
	}
	s.mu.Unlock()
	return s.wait(round, demandWait) && !round.failed
}

// wait reports whether the fetch ended in time.
func (s *keySource) wait(round *fetchRound, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-round.done:
		return true
	case <-s.ended:
		return false
	case <-t.C:
		return false
	}
}

// run fetches at once, then at every refresh, sooner after a failure, and when a
// request asks.
func (s *keySource) run(ctx context.Context) {
	defer close(s.ended)
	backoff := firstBackoff
	for {
		pause := s.refresh
		err := s.fetchRound(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause = min(backoff/2+rand.N(backoff/2+1), s.refresh)
			s.logger.Warn("keys of the identity provider could not be fetched", zap.String("url", s.url),
				zap.Error(err), zap.Duration("retry_in", pause), zap.Bool("have_keys", s.keys() != nil))
			backoff = min(2*backoff, maxBackoff)
		} else {
			backoff = firstBackoff
		}
		if !s.sleep(ctx, pause) {
			return
		}
	}
}

// sleep returns after the pause or when a request asks for keys; false means the
// end.
func (s *keySource) sleep(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.demand:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetchRound makes one fetch and tells those who wait for it.
func (s *keySource) fetchRound(ctx context.Context) error {
	s.mu.Lock()
	if s.mu.round == nil {
		s.mu.round = &fetchRound{done: make(chan struct{})}
	}
	round := s.mu.round
	s.mu.Unlock()

	keys, err := s.fetch(ctx)
	if old := s.keys(); err == nil && (old == nil || old.digest != keys.digest) {
		s.current.Store(keys)
		s.logger.Info("keys of the identity provider are new", zap.String("url", s.url), zap.Int("keys", len(keys.keys)))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.round = nil
	select {
	case <-s.demand: // this fetch was the one asked for
	default:
	}
	round.failed = err != nil
	s.mu.lastFailed = round.failed
	close(round.done)
	return err
}

func (s *keySource) fetch(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, fmt.Errorf("make request for keys: %w", err)
	}
	req.Header.Set("Accept", fetchedTypeList)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch keys: answered %s", resp.Status)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	if len(document) > maxKeySetBytes {
		return nil, fmt.Errorf("fetch keys: the key set is larger than %d bytes", maxKeySetBytes)
	}
	return parseKeySet(document)
}
