package identity

// CachedTokens returns the number of remembered tokens.
func (id *Identifier) CachedTokens() int { return id.tokens.cache.len() }

// len returns the number of entries, stale ones included.
func (c *tokenCache) len() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += s.mu.recent.Len()
		s.mu.Unlock()
	}
	return n
}
