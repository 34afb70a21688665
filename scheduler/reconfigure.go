package scheduler

import (
	"fmt"
	"time"
)

// Reconfigure applies a new configuration at once; a bad one changes nothing.
// Classes are matched by name. Waiting and running requests keep their places,
// deadlines and charges. A class that is no longer configured takes no new
// requests, and keeps its weight at the lowest rank until what it has is
// served; configured again by then, it goes on as before. Boost, Pause and
// Drain of a class stay in force. The limit stays as it is while Limit.Initial
// and Limit.Mode do, within Min and Max under AIMD; else it becomes Initial.
// Bounds of the queue that were lowered hold for arrivals, nobody is evicted.
func (s *Scheduler) Reconfigure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	s.mu.Lock()
	defer s.unlock()
	s.tickLocked()
	if n := len(cfg.Classes) + s.leaversLocked(cfg); n > maxClasses {
		return fmt.Errorf("scheduler: pool %q: %d classes with those removed but still serving, at most %d", cfg.Name, n, maxClasses)
	}
	old := s.cfg.Limit
	s.installLocked(cfg)
	if cfg.Limit.Mode != old.Mode || cfg.Limit.Initial != old.Initial {
		s.limiter.set(cfg.Limit.Initial)
	} else if cfg.Limit.Mode == AIMD && s.limiter.limit > 0 {
		s.limiter.set(min(max(s.limiter.limit, cfg.Limit.Min), cfg.Limit.Max))
	}
	s.applyLimitLocked()
	s.dispatchLocked()
	return nil
}

// leaversLocked counts the classes that are not in cfg but still in use.
func (s *Scheduler) leaversLocked(cfg Config) (n int) {
	for _, c := range s.classes {
		if c.n+c.used > 0 && !hasClass(cfg, c.cfg.Name) {
			n++
		}
	}
	return n
}

func hasClass(cfg Config, name string) bool {
	for _, k := range cfg.Classes {
		if k.Name == name {
			return true
		}
	}
	return false
}

// installLocked makes cfg the configuration in force.
func (s *Scheduler) installLocked(cfg Config) {
	old := s.classes
	s.cfg = cfg
	s.limiter.cfg = cfg.Limit
	s.classes = make([]*class, 0, len(cfg.Classes))
	for _, k := range cfg.Classes {
		c := findClass(old, k.Name)
		if c == nil {
			c = s.newClassLocked(k)
		}
		c.cfg, c.retired = k, false
		if c.boosted == 0 {
			c.setWeight(int64(k.Weight), s.v)
		}
		s.classes = append(s.classes, c)
	}
	for _, c := range old {
		if hasClass(cfg, c.cfg.Name) {
			continue
		}
		if c.boosted != 0 {
			s.endBoostLocked(c)
		}
		if c.n+c.used > 0 {
			c.retired, c.paused = true, false // nobody could resume it
			c.cfg.Headroom = 0
			s.classes = append(s.classes, c)
		}
	}
	s.rankLocked()
	s.flows.resize(cfg.Queue.MaxFlows)
	s.applyLimitLocked()
}

func (s *Scheduler) newClassLocked(k Class) *class {
	s.lastSalt += 0x9e3779b97f4a7c15 // odd, so that 2^64 classes have their own
	return newClass(k, s.lastSalt, s.v)
}

// rankLocked renumbers the classes and rebuilds what depends on their order.
func (s *Scheduler) rankLocked() {
	was := s.active
	s.active, s.guarded = 0, nil
	for i, c := range s.classes {
		competed := c.n > 0 && was>>c.rank&1 == 1
		c.rank = i
		if c.cfg.Headroom > 0 {
			s.guarded = append(s.guarded, c)
		}
		switch {
		case c.n == 0 || c.paused:
		case competed:
			s.active |= 1 << i
		default:
			s.activateLocked(c)
		}
	}
}

// applyLimitLocked recomputes what depends on the limit and the weights.
func (s *Scheduler) applyLimitLocked() {
	weights := int64(0)
	for _, c := range s.classes {
		if !c.retired {
			weights += c.weight
		}
	}
	limit := s.limiter.limit
	for _, c := range s.classes {
		c.seatCap = c.cfg.MaxSeats.of(limit)
		c.warp = warpTags(c.cfg.Warp, limit, weights, s.cfg.CostPerSecond)
		c.debtMax = 2*s.cfg.MaxCost*tagScale/c.weight + c.warp
		if over := c.start - s.v - c.debtMax; over > 0 {
			c.start, c.rem = c.start-over, 0
			s.forgiven += mulDiv(over, c.weight, tagScale)
		}
	}
	s.holdCap = headroomCap(limit, s.cfg.AllowLargeHeadroom)
}

// warpTags turns seconds of a class's own share of the pool into tag units: a
// share of w/sum(w) of limit seats earns cost at that part of the pool's rate,
// and a tag is cost over w, so w cancels out.
func warpTags(warp time.Duration, limit int, weights, costPerSecond int64) int64 {
	const bound = 1 << 50 // far inside the int64 range, beyond any sensible warp
	tags := warp.Seconds() * float64(limit) * float64(costPerSecond) * tagScale / float64(weights)
	return int64(min(tags, bound))
}

func findClass(classes []*class, name string) *class {
	for _, c := range classes {
		if c.cfg.Name == name {
			return c
		}
	}
	return nil
}
