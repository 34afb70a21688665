package upstream

import "time"

// EndpointStats is what is known about an endpoint at one moment. Counts are
// since the endpoint was first configured as it is now.
type EndpointStats struct {
	URL             string       `json:"url"` // without user information
	Weight          int          `json:"weight"`
	Healthy         bool         `json:"healthy"` // by its health checks; true without them
	Breaker         BreakerState `json:"breaker"`
	InFlight        int          `json:"in_flight"`
	IdleConnections int          `json:"idle_connections"`
	OpenConnections int          `json:"open_connections"` // idle ones included
	Requests        uint64       `json:"requests"`         // calls, retries included
	Failures        uint64       `json:"failures"`
	Retries         uint64       `json:"retries"` // calls that another call had failed before
	Addresses       []string     `json:"addresses,omitempty"`
	LastError       string       `json:"last_error,omitempty"` // bounded, without secrets
	LastErrorAt     time.Time    `json:"last_error_at,omitzero"`
	LastCheck       time.Time    `json:"last_check,omitzero"`
}

// Stats returns a line for each endpoint in the order of the configuration.
func (p *Pool) Stats() []EndpointStats {
	stats := make([]EndpointStats, len(p.members))
	for i := range p.members {
		stats[i] = p.members[i].b.stats()
		stats[i].Weight = int(p.members[i].weight)
	}
	return stats
}

func (b *backend) stats() EndpointStats {
	s := EndpointStats{
		URL:             b.plan.target.url,
		Healthy:         !b.down.Load(),
		Breaker:         b.breaker.state(),
		InFlight:        int(b.inFlight.Load()),
		IdleConnections: b.idle.len(),
		OpenConnections: int(b.open.Load()),
		Requests:        b.requests.Load(),
		Failures:        b.failures.Load(),
		Retries:         b.retries.Load(),
	}
	if b.names != nil {
		if list := b.names.current.Load(); list != nil {
			for _, a := range *list {
				s.Addresses = append(s.Addresses, a.ip.String())
			}
		}
	}
	if f := b.fault.Load(); f != nil {
		s.LastError, s.LastErrorAt = f.text, f.at
	}
	if at := b.checked.Load(); at != 0 {
		s.LastCheck = time.Unix(0, at)
	}
	return s
}
