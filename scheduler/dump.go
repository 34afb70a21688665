package scheduler

// Dump is the inside of a pool, for tests and a debug page.
type Dump struct {
	Stats
	// Tags are the classes' clocks, in the order of Stats.Classes.
	Tags []ClassDump
}

// ClassDump is the inside of one class. Costs are micro-units.
type ClassDump struct {
	// Lead is how much cost the class has received ahead of the pool's virtual
	// time (negative: is owed), and MaxLead the bound of it after a correction.
	Lead, MaxLead int64
	// Warp is the configured warp as cost.
	Warp int64
	// InsideShare: the class's headroom is in force.
	InsideShare bool
	// Estimate is the average cost of the class; 0: none yet.
	Estimate float64
	// ActiveFlows is the number of flows with waiting requests.
	ActiveFlows int
	// Longest are flows with the longest queues, about longest first.
	Longest []FlowDump
}

// FlowDump is the inside of one flow.
type FlowDump struct {
	// Key is the flow's name; "" also for a shared overflow flow.
	Key string
	// Overflow: the flow is shared by names the table had no room for.
	Overflow bool
	// Queued and Running count requests.
	Queued, Running int
	// Lead is how much cost the flow has received ahead of its class's virtual
	// time.
	Lead int64
	// Estimate is the average cost of the flow; 0: none yet.
	Estimate float64
}

// Dump returns the inside of the pool with at most topFlows flows per class.
// It holds the lock while it copies, so keep topFlows small in production.
func (s *Scheduler) Dump(topFlows int) Dump {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d Dump
	s.statsLocked(&d.Stats)
	for _, c := range s.classes {
		if c.retired && c.n+c.used == 0 {
			continue
		}
		d.Tags = append(d.Tags, ClassDump{
			Lead:        mulDiv(c.start-s.v, c.weight, tagScale),
			MaxLead:     mulDiv(c.debtMax, c.weight, tagScale),
			Warp:        mulDiv(c.warp, c.weight, tagScale),
			InsideShare: s.insideLocked(c),
			Estimate:    c.est,
			ActiveFlows: len(c.heap),
			Longest:     c.topFlows(topFlows),
		})
	}
	return d
}

func (c *class) topFlows(most int) (top []FlowDump) {
	for b := len(c.buckets.lists) - 1; b >= 0; b-- {
		for f := c.buckets.lists[b].first; f != nil; f = f.right {
			if len(top) >= most {
				return top
			}
			top = append(top, FlowDump{
				Key: string(f.key), Overflow: f.overflow, Queued: int(f.n), Running: int(f.running),
				Lead: f.start - c.v, Estimate: f.est,
			})
		}
	}
	return top
}
