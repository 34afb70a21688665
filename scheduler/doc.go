// Package scheduler decides who goes next in front of an upstream that can
// serve only so many requests at once.
//
// One Scheduler is one pool: the queue of one upstream. A request asks for a
// seat with Submit, waits with Ticket.Wait, holds the seat until the whole
// answer has been sent, and gives it back with Ticket.Release. The package
// knows nothing of HTTP; it counts seats and cost.
//
// # Classes, flows, cost
//
// A class is a priority with a weight: vip, batch. A flow is one tenant in one
// class. Classes with work share the seats by weight, flows share their class
// equally, and requests of a flow go first in, first out. What is shared is
// service, not turns: each request has a cost, an int64 in micro-units. For
// plain HTTP that is seat time in microseconds, for a model it may be tokens.
// The cost is estimated at dispatch (by the caller, else the average of the
// flow, else of the class) and put right at Release, or while a stream runs
// with Charge. A wrong estimate thus moves service in time but not in sum.
//
// # Virtual time
//
// Both levels are start-time fair queueing with several requests in service,
// SFQ(D): Goyal, Vin and Cheng, SIGCOMM 1996; Jin, Chase and Kaur, SIGMETRICS
// 2004. A class has a start tag, the service it has received per weight:
//
//	start += cost / weight          at dispatch, and again by the correction
//	start  = max(start, V)          when it becomes backlogged
//	V      = max(V, least start of the classes that compete)
//
// The class with the least tag goes next, so two backlogged classes with
// weights w and u never differ by more than (D+1)(c/w + c/u) in service per
// weight, where D is the number of seats and c the largest cost. Idle time
// earns nothing: the tag of a class that comes back starts at V, which never
// decreases. Flows have tags of the same kind inside their class. Tags are
// compared by difference and may wrap around; the remainder of cost/weight is
// carried, so that no cost is lost however long the scheduler runs.
//
// # Warp
//
// A class with warp is compared by start - warp (borrowed virtual time: Duda
// and Cheriton, SOSP 1999). As long as it is inside its share it goes before
// all others, which gives a burst the latency of strict priority; once it is
// ahead by the warp, the shares hold. It is configured as seconds of the
// class's own share of the pool.
//
// # Headroom
//
// Headroom keeps seats free for a class, so that its next request need not
// wait for the end of somebody's stream. Others start only if more seats than
// that are free, and only while the class is inside its share, start - warp <=
// V: otherwise headroom would be a second weight. It binds the less important
// classes, and any class that is outside its own share. At run time it is at
// most 5 % of the limit in force (AllowLargeHeadroom: all but one seat).
//
// # Debt
//
// A correction may put a class far ahead of V. It is exact and unclamped in
// both directions while that stays below debtMax = 2*MaxCost/weight + warp; the
// excess is forgiven and counted. So no class or flow is shut out for longer
// than the others need for that much service. A class at its seat cap does not
// compete, so V goes on without it; the claim it builds up is bounded likewise.
//
// # A full queue
//
// An arrival that finds the queue full displaces the newest request of the
// longest flow of the least important class; within its own class only a flow
// that is longer than its own. A flow within a factor two of the longest is
// found in O(1). A request is refused early when its predicted wait exceeds
// its deadline, but never as the first waiting request of its flow. Deadlines
// are kept by a timing wheel of 10 ms; a request past it is never dispatched.
//
// # What always holds
//
//   - Every request ends exactly once: submitted = dispatched + rejected +
//     expired + displaced + cancelled + queued.
//   - Seats in use never exceed the limit; after a cut they only fall.
//   - No seat idles while a request may take it: no tick is waited for, and a
//     free seat is handed to its next owner under the same lock.
//   - A flow is first in, first out. Each grant is for one waiter, and after
//     Cancel has returned true there is none.
//   - A tag is at most debtMax plus one request ahead of V.
//   - The steady state allocates nothing; a waiting ticket takes 256 bytes.
//
// The tests named TestInvariantNN check these and more on random runs.
//
// # Limit
//
// The number of seats is fixed, set from outside by SetLimit, or adapted by
// AIMD: cut on an overload signal, raised by one after a limit's worth of
// successes while the seats are in use. Durations of answers play no part.
//
// # Concurrency
//
// One mutex guards a pool; an operation holds it for well under a microsecond.
// Waiters sleep on one channel each, and are woken after it has been given up.
package scheduler
