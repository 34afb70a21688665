package scheduler

import "time"

// idleSweeps is the number of sweeps with nothing to do after which the
// sweeper goes to sleep; a second, so that a queue that comes and goes does not
// rouse it each time.
const idleSweeps = 100

// Sweep ends the waiting requests whose deadline has passed, and boosts. The
// scheduler calls it by itself unless Options.ManualSweep is set. The lock is
// held for 256 requests at a time.
func (s *Scheduler) Sweep() {
	for s.sweepOnce() {
	}
}

// sweepOnce does one batch and reports whether there is more.
func (s *Scheduler) sweepOnce() bool {
	s.mu.Lock()
	now := s.tickLocked()
	s.expireBoostsLocked()
	more := s.wheel.sweep(now, s.expireLocked)
	s.dispatchAtLocked()
	s.unlock()
	return more
}

func (s *Scheduler) expireLocked(n *node) {
	s.endLocked(n, ReasonExpired, nil)
}

// rouseSweeperLocked starts the sweeper if it sleeps.
func (s *Scheduler) rouseSweeperLocked() {
	if s.sweeping {
		return
	}
	s.sweeping = true
	s.armed <- struct{}{} // never blocks: sent once per sleep
}

// sweepLoop sweeps every tick while there is something to watch.
func (s *Scheduler) sweepLoop() {
	defer close(s.done)
	ticker := time.NewTicker(time.Duration(wheelTick))
	defer ticker.Stop()
	for {
		ticker.Stop()
		select {
		case <-s.stop:
			return
		case <-s.armed:
		}
		ticker.Reset(time.Duration(wheelTick))
		for idle := 0; !s.restSweeper(idle); idle++ {
			select {
			case <-s.stop:
				return
			case <-ticker.C:
			}
			if s.Sweep(); s.watching() {
				idle = 0
			}
		}
	}
}

func (s *Scheduler) watching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wheel.armed > 0 || s.boosts > 0
}

// restSweeper lets the sweeper sleep after enough idle sweeps.
func (s *Scheduler) restSweeper(idle int) bool {
	if idle < idleSweeps {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeping = s.wheel.armed > 0 || s.boosts > 0
	return !s.sweeping
}
