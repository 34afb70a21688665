package scheduler

import (
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInvariant20Memory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes and allocations")
	}
	const n = 100_000
	measure := func(flows int) float64 {
		keys := make([]string, flows)
		for i := range keys {
			keys[i] = "tenant-" + strconv.Itoa(i)
		}
		s, err := New(Config{
			Queue:   QueueConfig{MaxRequests: n, MaxFlows: n},
			Classes: []Class{{Name: "a", Weight: 1}},
		}, Options{ManualSweep: true})
		require.NoError(t, err)
		defer s.Close()
		ts := make([]Ticket, n)
		before := heapInUse()
		for i := range ts {
			ts[i], err = s.Submit(Request{Flow: keys[i%flows], Bytes: 1})
			require.NoError(t, err)
			ts[i].n.ready = make(chan struct{}, 1)
		}
		got := float64(heapInUse()-before) / n
		runtime.KeepAlive(ts)
		return got
	}
	ticket := measure(10)
	flow := measure(n) - ticket
	t.Logf("%.0f bytes per ticket with its channel, %.0f per flow", ticket, flow)
	assert.LessOrEqual(t, ticket, 258.0, "tickets; 256 and what the ten flows take")
	assert.LessOrEqual(t, flow, 256.0, "flows")
	assert.LessOrEqual(t, unsafe.Sizeof(node{}), uintptr(144))
}

func TestInvariant20SteadyStateDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(name string, op func(s *Scheduler, ts []Ticket)) {
		t.Helper()
		s := benchScheduler(t, 64)
		ts := fill(t, s, 2000, 50)
		for range 5000 {
			op(s, ts)
		}
		assert.Zero(t, testing.AllocsPerRun(2000, func() { op(s, ts) }), name)
	}
	i := 0
	f("cancel", func(s *Scheduler, ts []Ticket) {
		i = (i+7)%1900 + 100
		for !ts[i].Cancel(nil) {
			i = (i+1)%1900 + 100
		}
		_ = ts[i].Wait()
		ts[i], _ = s.Submit(Request{Class: i % 4, Flow: benchKeys[i%50], Bytes: 1})
	})
	f("release and submit", func(s *Scheduler, ts []Ticket) {
		for j, tk := range ts {
			if tk.Granted() {
				tk.Charge(10)
				tk.Release(Outcome{Cost: 100, Complete: true, Signal: SignalOK})
				ts[j], _ = s.Submit(Request{Class: j % 4, Flow: benchKeys[j%50], Bytes: 1})
				return
			}
		}
	})
	f("stats", func(s *Scheduler, _ []Ticket) {
		s.AppendStats(&allocStats)
	})
	idle := benchScheduler(t, 64)
	tk, err := idle.Submit(Request{Flow: "x"})
	require.NoError(t, err)
	tk.Release(Outcome{})
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		tk, _ := idle.Submit(Request{Flow: "x"})
		tk.Release(Outcome{Cost: 5, Complete: true})
	}), "uncontended")
	full := benchScheduler(t, 64)
	require.NoError(t, full.Reconfigure(Config{
		Limit: LimitConfig{Initial: 4}, Queue: QueueConfig{MaxFlows: 10}, Classes: benchClasses()[2:],
	}))
	k := 0
	assert.Zero(t, testing.AllocsPerRun(5000, func() {
		k++
		tk, _ := full.Submit(Request{Flow: benchKeys[k%len(benchKeys)]})
		tk.Release(Outcome{})
	}), "a full flow table")
}

var allocStats Stats
