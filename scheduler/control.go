package scheduler

import (
	"fmt"
	"time"
)

// controlLocked finds a configured class by name.
func (s *Scheduler) controlLocked(name string) (*class, error) {
	if c := findClass(s.classes, name); c != nil && !c.retired {
		return c, nil
	}
	return nil, fmt.Errorf("pool %q, class %q: %w", s.cfg.Name, name, ErrNoClass)
}

// Pause stops the dispatch of a class. Its requests still queue, expire and
// can be cancelled; while paused it earns no claim. The error is ErrNoClass.
func (s *Scheduler) Pause(class string) error {
	s.mu.Lock()
	defer s.unlock()
	c, err := s.controlLocked(class)
	if err != nil {
		return err
	}
	c.paused = true
	s.active &^= 1 << c.rank
	s.dispatchLocked()
	return nil
}

// Resume ends Pause and Drain of a class. The error is ErrNoClass.
func (s *Scheduler) Resume(class string) error {
	s.mu.Lock()
	defer s.unlock()
	c, err := s.controlLocked(class)
	if err != nil {
		return err
	}
	c.draining = false
	if c.paused {
		c.paused = false
		if c.n > 0 {
			s.activateLocked(c)
		}
	}
	s.dispatchLocked()
	return nil
}

// Drain makes a class reject new requests with ErrDraining while it serves
// what waits. The error is ErrNoClass.
func (s *Scheduler) Drain(class string) error {
	s.mu.Lock()
	defer s.unlock()
	c, err := s.controlLocked(class)
	if err != nil {
		return err
	}
	c.draining = true
	s.dispatchLocked() // the headroom of an idle class is free now
	return nil
}

// Boost gives a class another weight, 1 to 1000, until a time, across any
// Reconfigure in between; then the configured weight holds again. A time that
// has passed ends a boost. The error is ErrNoClass or names the wrong weight.
func (s *Scheduler) Boost(class string, weight int, until time.Time) error {
	if weight < 1 || weight > maxWeight {
		return fmt.Errorf("scheduler: boost of class %q: weight is %d, must be 1 to %d", class, weight, maxWeight)
	}
	s.mu.Lock()
	defer s.unlock()
	c, err := s.controlLocked(class)
	if err != nil {
		return err
	}
	if c.boosted != 0 {
		s.endBoostLocked(c)
	}
	if end := int64(until.Sub(s.epoch)); end > s.tickLocked() {
		c.boosted = end
		s.boosts++
		c.setWeight(int64(weight), s.v)
		s.rouseSweeperLocked()
	}
	s.applyLimitLocked()
	s.dispatchLocked()
	return nil
}

func (s *Scheduler) endBoostLocked(c *class) {
	c.boosted = 0
	s.boosts--
	c.setWeight(int64(c.cfg.Weight), s.v)
}

// expireBoostsLocked ends the boosts whose time has come.
func (s *Scheduler) expireBoostsLocked() {
	if s.boosts == 0 {
		return
	}
	changed := false
	for _, c := range s.classes {
		if c.boosted != 0 && c.boosted <= s.now {
			s.endBoostLocked(c)
			changed = true
		}
	}
	if changed {
		s.applyLimitLocked()
	}
}
