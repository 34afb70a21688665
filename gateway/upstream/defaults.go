package upstream

import "time"

// SetDefaults fills in what the operator left out. It may be called twice. Where
// zero is a meaningful setting, a zero that was written in YAML stays; in a
// Config that was built in Go zero always means the default.
func (c *Config) SetDefaults() {
	orDefault(&c.Protocol, "http")
	orDefault(&c.Balance, "two_choices")
	for i := range c.Endpoints {
		c.Endpoints[i].setDefaults()
	}
	c.Capacity.setDefaults()
	c.Timeouts.setDefaults()
	c.Retry.setDefaults()
	orDefault(&c.Breaker.Failures, 5)
	orDefault(&c.Breaker.OpenFor, 10*time.Second)
	orDefault(&c.Health.Interval, 5*time.Second)
	orDefault(&c.Health.Timeout, 2*time.Second)
	orDefault(&c.Health.Healthy, 2)
	orDefault(&c.Health.Unhealthy, 3)
	if c.Forwarded == nil {
		yes := true
		c.Forwarded = &yes
	}
	c.Pool.setDefaults()
}

func (e *EndpointConfig) setDefaults() {
	if !e.decoded {
		orDefault(&e.Weight, 1)
	}
}

func (c *Capacity) setDefaults() {
	if c.Seats == (Seats{}) {
		c.Seats.Adaptive = true
	}
	orDefault(&c.MinSeats, 4)
	orDefault(&c.MaxSeats, 256)
	orDefault(&c.QueueLimit, 20000)
	orDefault(&c.QueueBytes, 256<<20)
	orDefault(&c.QueueFlows, 65536)
}

func (t *Timeouts) setDefaults() {
	if t.decoded {
		return
	}
	orDefault(&t.Connect, 2*time.Second)
	orDefault(&t.FirstByte, 60*time.Second)
	orDefault(&t.Idle, 60*time.Second)
	orDefault(&t.Total, 10*time.Minute)
}

func (r *Retry) setDefaults() {
	if r.decoded {
		return
	}
	orDefault(&r.Attempts, 2)
	orDefault(&r.BudgetPercent, 20)
	if r.On == nil {
		r.On = []string{"connect", "reset", "429", "502", "503", "504"}
	}
}

func (p *ConnPool) setDefaults() {
	if p.decoded {
		return
	}
	orDefault(&p.MaxIdle, 512)
	orDefault(&p.IdleTimeout, 30*time.Second)
	orDefault(&p.MaxLifetime, 10*time.Minute)
	orDefault(&p.DNSRefresh, 30*time.Second)
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// UnmarshalYAML fills in the defaults first, so that a zero in the file counts.
func (e *EndpointConfig) UnmarshalYAML(unmarshal func(any) error) error {
	type plain EndpointConfig
	v := plain{Weight: 1, decoded: true}
	if err := unmarshal(&v); err != nil {
		return err
	}
	*e = EndpointConfig(v)
	return nil
}

// UnmarshalYAML fills in the defaults first, so that a zero in the file counts.
func (t *Timeouts) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Timeouts
	t.setDefaults()
	v := plain(*t)
	v.decoded = true
	if err := unmarshal(&v); err != nil {
		return err
	}
	*t = Timeouts(v)
	return nil
}

// UnmarshalYAML fills in the defaults first, so that a zero in the file counts.
func (r *Retry) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Retry
	r.setDefaults()
	v := plain(*r)
	v.decoded = true
	if err := unmarshal(&v); err != nil {
		return err
	}
	*r = Retry(v)
	return nil
}

// UnmarshalYAML fills in the defaults first, so that a zero in the file counts.
func (p *ConnPool) UnmarshalYAML(unmarshal func(any) error) error {
	type plain ConnPool
	p.setDefaults()
	v := plain(*p)
	v.decoded = true
	if err := unmarshal(&v); err != nil {
		return err
	}
	*p = ConnPool(v)
	return nil
}
