package telemetry

import (
	"strings"
	"sync"
)

// otherValue stands for all values past a label's limit.
const otherValue = "other"

// labelLimit bounds the values of one label. A value that was let in once stays
// itself, so a series never changes its name.
type labelLimit struct {
	limit int

	mu   sync.RWMutex
	seen map[string]struct{}
}

// of returns v, or "other" when the label has all the values it may have. It
// repairs invalid UTF-8, which Prometheus refuses.
func (l *labelLimit) of(v string) string {
	l.mu.RLock()
	_, ok := l.seen[v]
	l.mu.RUnlock()
	if ok {
		return v
	}
	return l.admit(strings.Clone(strings.ToValidUTF8(v, "\uFFFD")))
}

func (l *labelLimit) admit(v string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.seen[v]; ok {
		return v
	}
	if len(l.seen) >= l.limit {
		return otherValue
	}
	if l.seen == nil {
		l.seen = map[string]struct{}{}
	}
	l.seen[v] = struct{}{}
	return v
}

// labelLimits is one limit per label name, over all metrics that carry it.
type labelLimits struct {
	route, class, upstream, endpoint, reason, code labelLimit
}

func newLabelLimits(limit int) *labelLimits {
	l := &labelLimits{}
	for _, one := range []*labelLimit{&l.route, &l.class, &l.upstream, &l.endpoint, &l.reason, &l.code} {
		one.limit = limit
	}
	return l
}
