package scheduler_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-gateway/weir/scheduler"
)

// A request submits, waits if it must, runs, and releases its seat.
func Example() {
	s, err := scheduler.New(scheduler.Config{
		Name:  "openai",
		Limit: scheduler.LimitConfig{Initial: 1},
		Classes: []scheduler.Class{
			{Name: "vip", Weight: 40, Warp: 3 * time.Second, MaxWait: 30 * time.Second},
			{Name: "batch", Weight: 2, MaxWait: time.Hour},
		},
	}, scheduler.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	submit := func(class int, tenant string) scheduler.Ticket {
		t, err := s.Submit(scheduler.Request{Class: class, Flow: tenant})
		if err != nil {
			fmt.Println(err)
		}
		return t
	}
	running := submit(1, "acme")
	batch := submit(1, "acme")
	vip := submit(0, "globex")
	fmt.Println("at once:", running.Granted(), batch.Granted(), vip.Granted())

	running.Release(scheduler.Outcome{Cost: 1_000_000, Complete: true})
	fmt.Println("vip:", vip.Wait())
	vip.Release(scheduler.Outcome{Cost: 200_000, Complete: true})
	fmt.Println("batch:", batch.Wait())
	batch.Release(scheduler.Outcome{Cost: 900_000, Complete: true})
	// Output:
	// at once: true false false
	// vip: <nil>
	// batch: <nil>
}

// A client that hangs up is taken out of the queue by its ticket.
func ExampleTicket_Cancel() {
	s, _ := scheduler.New(scheduler.Config{
		Classes: []scheduler.Class{{Name: "vip", Weight: 1}}, // no seats yet
	}, scheduler.Options{})
	defer s.Close()

	t, _ := s.Submit(scheduler.Request{Flow: "acme"})
	gone := errors.New("client hung up")
	go t.Cancel(gone) // the connection's watcher
	fmt.Println(t.Wait())
	// Output: client hung up
}

// A rejection says why, and when to come back.
func ExampleRejection() {
	s, _ := scheduler.New(scheduler.Config{
		Queue:   scheduler.QueueConfig{MaxRequests: 1},
		Classes: []scheduler.Class{{Name: "vip", Weight: 1}, {Name: "batch", Weight: 1}},
	}, scheduler.Options{})
	defer s.Close()

	batch, _ := s.Submit(scheduler.Request{Class: 1})
	_, err := s.Submit(scheduler.Request{Class: 1})
	var r *scheduler.Rejection
	if errors.As(err, &r) {
		fmt.Println(r.Reason, r.RetryAfter, errors.Is(err, scheduler.ErrQueueFull))
	}
	_, err = s.Submit(scheduler.Request{Class: 0}) // displaces the batch request
	fmt.Println(err, errors.Is(batch.Wait(), scheduler.ErrDisplaced))
	// Output:
	// queue_full 1s true
	// <nil> true
}

// A cache flight that a VIP joins is lifted to the VIP's class.
func ExampleTicket_Promote() {
	s, _ := scheduler.New(scheduler.Config{
		Limit:   scheduler.LimitConfig{Initial: 1},
		Classes: []scheduler.Class{{Name: "vip", Weight: 9}, {Name: "batch", Weight: 1}},
	}, scheduler.Options{})
	defer s.Close()

	running, _ := s.Submit(scheduler.Request{Class: 1})
	first, _ := s.Submit(scheduler.Request{Class: 1, Flow: "a"})
	flight, _ := s.Submit(scheduler.Request{Class: 1, Flow: "b"})
	fmt.Println("promoted:", flight.Promote(0))
	running.Release(scheduler.Outcome{Cost: -1})
	fmt.Println(first.Granted(), flight.Granted())
	// Output:
	// promoted: true
	// false true
}
