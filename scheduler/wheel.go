package scheduler

import "time"

const (
	wheelTick  = int64(10 * time.Millisecond)
	wheelSlots = 4096
	wheelBatch = 256 // tickets looked at per hold of the lock
)

// wheel is a hashed timing wheel over the deadlines of waiting tickets: arming
// and disarming relink one list node, where a Go timer costs 200 ns and 112
// bytes. A deadline beyond one turn (41 s) stays in its slot for later turns.
type wheel struct {
	slots [wheelSlots]*node
	keep  *node // looked at in the current slot, not due in this turn
	tick  int64 // the last tick swept completely
	armed int
}

// arm puts n into the slot of the first tick at which its deadline has passed.
func (w *wheel) arm(n *node) {
	tick := (n.when + wheelTick - 1) / wheelTick
	pushNode(&w.slots[max(tick, w.tick+1)%wheelSlots], n)
	w.armed++
}

func (w *wheel) disarm(n *node) {
	if n.slotPrev == nil {
		return
	}
	*n.slotPrev = n.slotNext
	if n.slotNext != nil {
		n.slotNext.slotPrev = n.slotPrev
	}
	n.slotPrev, n.slotNext = nil, nil
	w.armed--
}

func pushNode(head **node, n *node) {
	n.slotNext, n.slotPrev = *head, head
	if n.slotNext != nil {
		n.slotNext.slotPrev = &n.slotNext
	}
	*head = n
}

// sweep hands at most wheelBatch tickets to expire or to a later turn. It
// reports whether there is more to do at this time.
func (w *wheel) sweep(now int64, expire func(*node)) bool {
	last := now / wheelTick
	if w.armed == 0 {
		w.tick = max(w.tick, last)
		return false
	}
	if w.keep == nil {
		w.tick = max(w.tick, last-wheelSlots) // one turn visits every slot
	}
	for budget := wheelBatch; w.tick < last; w.tick++ {
		head := &w.slots[(w.tick+1)%wheelSlots]
		for n := *head; n != nil; n = *head {
			if budget == 0 {
				return true
			}
			budget--
			w.disarm(n)
			if n.when <= now {
				expire(n)
			} else {
				pushNode(&w.keep, n)
				w.armed++
			}
		}
		*head, w.keep = w.keep, nil
		if *head != nil {
			(*head).slotPrev = head
		}
	}
	return false
}
