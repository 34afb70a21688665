package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-gateway/weir/gateway/admin"
	"github.com/weir-gateway/weir/gateway/telemetry"
	"github.com/weir-gateway/weir/scheduler"
)

// operator is the gateway as the admin listener sees it.
type operator struct{ g *Gateway }

var _ admin.Gateway = operator{}

// topFlows is how many flows of a class the admin API names.
const topFlows = 5

func (o operator) Ready() (bool, string) {
	if o.g.draining.Load() {
		return false, "draining"
	}
	return true, ""
}

func (o operator) Version() string { return o.g.deps.Version }

func (o operator) Reload(ctx context.Context) error {
	if o.g.deps.Reload == nil {
		return admin.ErrNoReload
	}
	return o.g.deps.Reload(ctx)
}

func (o operator) ConfigYAML() ([]byte, error) { return masked(o.g.deps.ConfigYAML) }

func (o operator) ConfigJSON() ([]byte, error) { return masked(o.g.deps.ConfigJSON) }

func masked(render func() ([]byte, error)) ([]byte, error) {
	if render == nil {
		return nil, errors.New("the configuration was not read from a file")
	}
	return render()
}

func (o operator) Queues() []admin.Queue {
	snap := o.g.snap.Load()
	out := make([]admin.Queue, 0, len(snap.cfg.Upstreams))
	for i := range snap.cfg.Upstreams {
		b := snap.backends[snap.cfg.Upstreams[i].Name]
		st, dump := b.sched.Stats(), b.sched.Dump(topFlows)
		q := admin.Queue{Upstream: b.name, Seats: st.Limit, InUse: st.Used, Queued: st.Queued, DemandSeats: st.Used + st.Queued}
		var served, weights float64
		for j := range st.Classes {
			served += float64(st.Classes[j].ServedCost)
			weights += float64(st.Classes[j].ConfiguredWeight)
		}
		for j := range st.Classes {
			c := o.class(b.name, &st.Classes[j], served, weights)
			c.Flows = flowsOf(&dump, c.Class)
			q.Classes = append(q.Classes, c)
		}
		out = append(out, q)
	}
	return out
}

func (o operator) class(upstream string, st *scheduler.ClassStats, served, weights float64) admin.Class {
	c := admin.Class{
		Class: st.Name, Weight: st.ConfiguredWeight, EffectiveWeight: st.Weight, State: admin.StateOpen,
		Queued: st.Queued, OldestSeconds: st.OldestWait.Seconds(), InUse: st.InUse, DemandSeats: st.Demand,
		ConfiguredShare: float64(st.ConfiguredWeight) / weights, Dispatched: st.Dispatched,
		Rejected: map[string]uint64{},
	}
	if served > 0 {
		c.Share = float64(st.ServedCost) / served
	}
	switch {
	case st.Paused:
		c.State = admin.StatePaused
	case st.Draining:
		c.State = admin.StateDraining
	}
	if st.BoostedFor > 0 {
		until := time.Now().Add(st.BoostedFor).Round(time.Second)
		c.BoostUntil = &until
	}
	for reason, n := range st.Outcomes {
		if r := scheduler.Reason(reason); n > 0 && r != scheduler.ReasonCancelled {
			c.Rejected[r.String()] = n
		}
	}
	if p50, p95, ok := o.g.telemetry.QueueWait(upstream, st.Name); ok {
		s50, s95 := p50.Seconds(), p95.Seconds()
		c.WaitP50Seconds, c.WaitP95Seconds = &s50, &s95
	}
	return c
}

func flowsOf(d *scheduler.Dump, class string) []admin.Flow {
	flows := []admin.Flow{}
	for i := range d.Classes {
		if d.Classes[i].Name != class {
			continue
		}
		for _, f := range d.Tags[i].Longest {
			flows = append(flows, admin.Flow{Flow: f.Key, Queued: f.Queued, InUse: f.Running})
		}
	}
	return flows
}

func (o operator) QueueOp(upstream, class string, op admin.Op, boost admin.Boost) error {
	b := o.g.snap.Load().backend(upstream)
	if b == nil {
		return admin.ErrNoUpstream
	}
	var err error
	switch op {
	case admin.OpPause:
		err = b.sched.Pause(class)
	case admin.OpResume:
		err = b.sched.Resume(class)
	case admin.OpDrain:
		err = b.sched.Drain(class)
	case admin.OpBoost:
		err = b.sched.Boost(class, boost.Weight, time.Now().Add(boost.For))
	default:
		err = fmt.Errorf("unknown operation %q", op)
	}
	if errors.Is(err, scheduler.ErrNoClass) {
		return admin.ErrNoClass
	}
	return err
}

func (o operator) Upstreams() []admin.Upstream {
	snap := o.g.snap.Load()
	out := make([]admin.Upstream, 0, len(snap.cfg.Upstreams))
	for i := range snap.cfg.Upstreams {
		b := snap.backends[snap.cfg.Upstreams[i].Name]
		st := b.sched.Stats()
		u := admin.Upstream{
			Upstream: b.name, Protocol: b.cfg.Protocol, Adaptive: b.cfg.Capacity.Seats.Adaptive,
			Seats: st.Limit, InUse: st.Used, Fallback: append([]string{}, b.cfg.Fallback...),
		}
		for _, e := range b.pool.Stats() {
			u.Endpoints = append(u.Endpoints, admin.Endpoint{
				Endpoint: e.URL, Weight: e.Weight, Healthy: e.Healthy, Breaker: e.Breaker.String(), InFlight: e.InFlight,
				Connections: e.OpenConnections, Requests: e.Requests, Failures: e.Failures, Retries: e.Retries,
			})
		}
		out = append(out, u)
	}
	return out
}

// The following feed the metrics at each scrape.

func (g *Gateway) queueSnapshots() []telemetry.QueueSnapshot {
	snap := g.snap.Load()
	if snap == nil {
		return nil
	}
	out := make([]telemetry.QueueSnapshot, 0, len(snap.backends))
	for _, b := range snap.backends {
		st := b.sched.Stats()
		q := telemetry.QueueSnapshot{Upstream: b.name, Limit: st.Limit, InUse: st.Used}
		for i := range st.Classes {
			c := &st.Classes[i]
			q.Classes = append(q.Classes, telemetry.ClassSnapshot{
				Class: c.Name, Queued: c.Queued, Oldest: c.OldestWait, InUse: c.InUse, Demand: c.Demand,
			})
		}
		out = append(out, q)
	}
	return out
}

func (g *Gateway) endpointSnapshots() (out []telemetry.EndpointSnapshot) {
	snap := g.snap.Load()
	if snap == nil {
		return nil
	}
	for _, b := range snap.backends {
		for _, e := range b.pool.Stats() {
			out = append(out, telemetry.EndpointSnapshot{
				Upstream: b.name, Endpoint: e.URL, Breaker: telemetry.BreakerState(e.Breaker), Retries: e.Retries,
			})
		}
	}
	return out
}

func (g *Gateway) gauges() telemetry.Gauges {
	return telemetry.Gauges{
		InFlight:    int(g.inFlight.Load()),
		Streams:     int(g.streams.Load()),
		Connections: int(g.server.open.Load()),
	}
}
