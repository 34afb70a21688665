package scheduler

// limiter decides how many requests may run at once. Duration of whole answers
// plays no part in it: a minute-long stream is no sign of overload.
type limiter struct {
	cfg       LimitConfig
	limit     int
	successes int
	cutAt     int64 // ns since the epoch of the last cut
	cut       bool  // there has been one
	frozen    int64 // no growth before
	changes   uint64
}

// success counts a success while used seats were in use (this one included)
// and reports whether the limit has grown by one.
func (l *limiter) success(used int, now func() int64) bool {
	if l.cfg.Mode != AIMD || l.limit >= l.cfg.Max || float64(used) < l.cfg.GrowAt*float64(l.limit) {
		return false
	}
	if l.frozen != 0 && now() < l.frozen {
		return false
	}
	l.frozen = 0
	if l.successes++; l.successes < l.limit {
		return false
	}
	l.set(l.limit + 1)
	return true
}

// overload cuts the limit unless it has just been cut, or the overloaded
// request had been dispatched before the last cut, whose effect it cannot show.
func (l *limiter) overload(granted, now, retryAfter int64) bool {
	if l.cfg.Mode != AIMD {
		return false
	}
	if retryAfter > 0 {
		l.frozen = max(l.frozen, now+retryAfter)
	}
	if l.cut && (granted < l.cutAt || now-l.cutAt < int64(l.cfg.Hold)) {
		return false
	}
	l.cut, l.cutAt, l.successes = true, now, 0
	next := max(l.cfg.Min, int(float64(l.limit)*l.cfg.Backoff))
	if next >= l.limit {
		return false
	}
	l.set(next)
	return true
}

func (l *limiter) set(n int) {
	if n != l.limit {
		l.limit = n
		l.changes++
	}
	l.successes = 0
}
