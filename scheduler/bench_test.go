package scheduler

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// benchClasses are four classes of an LLM gateway. They have no headroom, so
// that all seats are in use and each Release dispatches exactly one.
func benchClasses() []Class {
	return []Class{
		{Name: "vip", Weight: 40, Warp: 3 * time.Second, MaxWait: longestWait},
		{Name: "realtime", Weight: 30, Warp: time.Second, MaxWait: longestWait},
		{Name: "campaign", Weight: 20, MaxWait: longestWait},
		{Name: "batch", Weight: 10, MaxWait: longestWait, MaxSeats: SeatCap{Percent: 80}},
	}
}

func benchScheduler(tb testing.TB, seats int) *Scheduler {
	tb.Helper()
	s, err := New(Config{
		Name:    "bench",
		Limit:   LimitConfig{Initial: seats},
		Queue:   QueueConfig{MaxRequests: 2 << 20, MaxFlows: 2 << 20},
		Classes: benchClasses(),
	}, Options{})
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// benchCosts are estimates with a coefficient of variation near 1.
var benchCosts = func() (c [1024]int64) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range c {
		c[i] = 1 + int64(r.ExpFloat64()*200_000)
	}
	return c
}()

// fill queues requests of all classes spread over flows.
func fill(tb testing.TB, s *Scheduler, queued, flows int) []Ticket {
	tb.Helper()
	keys := make([]string, flows)
	for i := range keys {
		keys[i] = "tenant-" + strconv.Itoa(i)
	}
	ts := make([]Ticket, 0, queued)
	for i := range queued {
		k := i % flows
		t, err := s.Submit(Request{Class: k % 4, Flow: keys[k], Cost: benchCosts[i%1024], Bytes: 1})
		require.NoError(tb, err)
		ts = append(ts, t)
	}
	return ts
}

// handOver is Release for a benchmark without waiters: it returns the ticket
// that the seat went to. All waiting nodes bear the parked bit, so the grant is
// in the chain of wake-ups.
func (s *Scheduler) handOver(t Ticket) (Ticket, Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(t.n, Outcome{Cost: -1})
	s.dispatchLocked()
	n := s.wake
	s.wake, s.wakeLast = nil, nil
	f := n.flow
	key := unsafe.String(unsafe.SliceData(f.key), len(f.key))
	gen := n.word.Load() &^ (phaseMask | parked)
	n.word.Store(gen | phaseGranted)
	return Ticket{n, gen}, Request{Class: f.class.rank, Flow: key, Bytes: 1}
}

// BenchmarkDispatch is one release with the dispatch it causes and one Submit,
// at a constant depth. Locks, clock, flow lookup and timing wheel included.
func BenchmarkDispatch(b *testing.B) {
	for _, c := range []struct{ queued, flows int }{
		{10_000, 100}, {10_000, 10_000}, {1_000_000, 1000}, {1_000_000, 1_000_000},
	} {
		b.Run(fmt.Sprintf("queued=%s/flows=%s", short(c.queued), short(c.flows)), func(b *testing.B) {
			s := benchScheduler(b, 64)
			running := fill(b, s, c.queued+64, c.flows)[:64]
			for i := range running {
				require.True(b, running[i].Granted())
			}
			for n := range s.waiting() {
				n.word.Or(parked)
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				next, r := s.handOver(running[i%64])
				running[i%64] = next
				r.Cost = benchCosts[i&1023]
				t, err := s.Submit(r)
				if err != nil {
					b.Fatal(err)
				}
				t.n.word.Store(t.gen | phaseQueued | parked) // all seats are taken
				i++
			}
		})
	}
}

// waiting visits the waiting nodes.
func (s *Scheduler) waiting() iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for _, c := range s.classes {
			for n := c.oldest; n != nil; n = n.newer {
				if !yield(n) {
					return
				}
			}
		}
	}
}

func short(n int) string {
	switch {
	case n >= 1_000_000:
		return strconv.Itoa(n/1_000_000) + "M"
	case n >= 10_000:
		return strconv.Itoa(n/1000) + "k"
	}
	return strconv.Itoa(n)
}

// BenchmarkCancel is one Cancel of a random ticket, its Wait, and one Submit.
func BenchmarkCancel(b *testing.B) {
	for _, c := range []struct{ queued, flows int }{{10_000, 100}, {1_000_000, 1_000_000}} {
		b.Run("queued="+short(c.queued), func(b *testing.B) {
			s := benchScheduler(b, 0)
			ts := fill(b, s, c.queued, c.flows)
			keys := make([]string, c.flows)
			for i := range keys {
				keys[i] = "tenant-" + strconv.Itoa(i)
			}
			r := rand.New(rand.NewPCG(3, 4))
			b.ReportAllocs()
			for b.Loop() {
				i := r.IntN(len(ts))
				if !ts[i].Cancel(nil) || !errors.Is(ts[i].Wait(), ErrCancelled) {
					b.Fatal("not cancelled")
				}
				k := i % c.flows
				t, err := s.Submit(Request{Class: k % 4, Flow: keys[k], Bytes: 1})
				if err != nil {
					b.Fatal(err)
				}
				ts[i] = t
			}
		})
	}
}

// BenchmarkUncontended is Submit and Release with free seats.
func BenchmarkUncontended(b *testing.B) {
	s := benchScheduler(b, 64)
	b.ReportAllocs()
	for b.Loop() {
		t, err := s.Submit(Request{Class: 1, Flow: "tenant", Cost: 1000})
		if err != nil {
			b.Fatal(err)
		}
		t.Release(Outcome{Cost: 1100, Complete: true, Signal: SignalOK})
	}
}

// BenchmarkBlocking is a turn of a goroutine that submits, waits and releases,
// with 10 000 of them for 64 seats.
func BenchmarkBlocking(b *testing.B) {
	const workers = 10_000
	b.Run("parked=10k/seats=64", func(b *testing.B) {
		s := benchScheduler(b, 64)
		var left atomic.Int64
		left.Store(int64(b.N))
		var wg sync.WaitGroup
		b.ReportAllocs()
		b.ResetTimer()
		for w := range workers {
			wg.Go(func() {
				key := "tenant-" + strconv.Itoa(w%100)
				for left.Add(-1) >= 0 {
					t, err := s.Submit(Request{Class: w % 4, Flow: key, Cost: 1000, Bytes: 1})
					if err != nil || t.Wait() != nil {
						b.Error("not served")
						return
					}
					t.Release(Outcome{Cost: 1100})
				}
			})
		}
		wg.Wait()
	})
}

// BenchmarkExpiry expires 100 000 tickets in one tick and reports how long the
// lock was held per batch.
func BenchmarkExpiry(b *testing.B) {
	const tickets = 100_000
	now := time.Unix(0, 0)
	s, err := New(Config{
		Queue:   QueueConfig{MaxRequests: tickets, SpareTickets: tickets},
		Classes: []Class{{Name: "a", Weight: 1}},
	}, Options{Clock: func() time.Time { return now }, ManualSweep: true})
	require.NoError(b, err)
	defer s.Close()
	var holds []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		deadline := now.Add(time.Second)
		for i := range tickets {
			_, err := s.Submit(Request{Flow: benchKeys[i%len(benchKeys)], Deadline: deadline})
			require.NoError(b, err)
		}
		now = deadline.Add(10 * time.Millisecond)
		b.StartTimer()
		for more := true; more; {
			began := time.Now()
			more = s.sweepOnce()
			holds = append(holds, time.Since(began))
		}
		require.Zero(b, s.n)
	}
	slices.Sort(holds)
	b.ReportMetric(float64(holds[len(holds)*99/100].Microseconds()), "p99-hold-µs")
}

var benchKeys = func() (k [100]string) {
	for i := range k {
		k[i] = "tenant-" + strconv.Itoa(i)
	}
	return k
}()

// BenchmarkMemory reports the heap for a million queued requests of as many
// flows, with the channel that a parked waiter needs.
func BenchmarkMemory(b *testing.B) {
	for _, flows := range []int{1000, 1_000_000} {
		b.Run("queued=1M/flows="+short(flows), func(b *testing.B) {
			for b.Loop() {
				before := heapInUse()
				s := benchScheduler(b, 0)
				ts := fill(b, s, 1_000_000, flows)
				for _, t := range ts {
					t.n.ready = make(chan struct{}, 1)
				}
				heap := heapInUse() - before - int64(cap(ts))*int64(unsafe.Sizeof(Ticket{}))
				b.ReportMetric(float64(heap)/1e6, "MB")
				runtime.KeepAlive(ts)
			}
		})
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
