package identity

import (
	"container/list"
	"sync"
	"time"
)

// tokenShards spreads the lock; a power of two.
const tokenShards = 16

// tokenCache remembers verified tokens by their digest until they expire. Entries
// belong to the key set that verified them: when the provider's keys change, none
// of the old ones is found any more.
type tokenCache struct {
	shards [tokenShards]tokenShard
}

type tokenShard struct {
	mu struct {
		sync.Mutex
		entries map[digest]*list.Element // values are *tokenEntry
		recent  list.List                // most recently used first
	}
	limit int
}

type tokenEntry struct {
	digest    digest
	principal *Principal
	keys      *keySet
	until     time.Time
}

func newTokenCache(size int) *tokenCache {
	c := &tokenCache{}
	for i := range c.shards {
		c.shards[i].limit = max(1, size/tokenShards)
		c.shards[i].mu.entries = make(map[digest]*list.Element)
	}
	return c
}

// get returns the principal of a token that keys verified and that holds now.
func (c *tokenCache) get(d digest, keys *keySet, now time.Time) *Principal {
	s := &c.shards[d[0]%tokenShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.mu.entries[d]
	if at == nil {
		return nil
	}
	e := at.Value.(*tokenEntry)
	if e.keys != keys || !now.Before(e.until) {
		s.removeLocked(at)
		return nil
	}
	s.mu.recent.MoveToFront(at)
	return e.principal
}

func (c *tokenCache) put(d digest, p *Principal, keys *keySet, until time.Time) {
	s := &c.shards[d[0]%tokenShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.mu.entries[d]; at != nil {
		s.removeLocked(at)
	}
	if s.mu.recent.Len() >= s.limit {
		s.removeLocked(s.mu.recent.Back())
	}
	s.mu.entries[d] = s.mu.recent.PushFront(&tokenEntry{d, p, keys, until})
}

func (s *tokenShard) removeLocked(at *list.Element) {
	delete(s.mu.entries, at.Value.(*tokenEntry).digest)
	s.mu.recent.Remove(at)
}
