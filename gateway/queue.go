package gateway

import (
	"time"
	"unsafe"

	"github.com/weir-gateway/weir/scheduler"
)

// enqueue waits for a seat at the backend. It returns nil with the seat taken.
func (x *exchange) enqueue(b *backend) *failure {
	c := x.c
	before := time.Now()
	t, err := x.submit(b, scheduler.Request{
		// The scheduler copies the name of a flow that it has not seen yet.
		Flow:     unsafe.String(unsafe.SliceData(x.flow), len(x.flow)),
		Bytes:    int64(c.in.Cap() + x.body.holder.Cap()),
		Deadline: x.deadline,
	})
	if err != nil {
		return queueFailure(err)
	}
	x.granted = before
	if !t.Granted() {
		if !c.watchTicket(t) {
			t.Cancel(errClientGone)
		}
		err = t.Wait()
		c.unwatchTicket()
		x.granted = time.Now()
		x.wait += x.granted.Sub(before)
		if err != nil {
			return queueFailure(err)
		}
	}
	x.ticket, x.seated = t, true
	x.charged = x.granted
	x.signal, x.advice = scheduler.SignalIgnore, 0
	if c.sock.PeerGone() {
		x.leaveSeat(false)
		return failClientGone
	}
	return nil
}

// submit resolves the class among those in force and places the request. A reload
// cannot come between the two.
func (x *exchange) submit(b *backend, r scheduler.Request) (scheduler.Ticket, error) {
	g := x.snap.g
	g.reload.RLock()
	defer g.reload.RUnlock()
	r.Class = x.class
	if now := g.snap.Load(); now != x.snap {
		r.Class = now.classIndex(x.snap.className(x.class))
	}
	return b.sched.Submit(r)
}

// charge tells the scheduler what a long answer has cost so far, a few times a
// second.
func (x *exchange) charge(now time.Time) {
	const every = 250 * time.Millisecond
	if now.Sub(x.charged) >= every {
		x.charged = now
		x.ticket.Charge(now.Sub(x.granted).Microseconds())
	}
}

// leaveSeat gives the seat back. The cost is the time that it was held.
func (x *exchange) leaveSeat(complete bool) {
	if !x.seated {
		return
	}
	x.seated = false
	x.ticket.Release(scheduler.Outcome{
		Cost:       max(time.Since(x.granted).Microseconds(), 1),
		Complete:   complete,
		Signal:     x.signal,
		RetryAfter: x.advice,
	})
}
