package scheduler

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ten thousand goroutines submit, wait, run and release, while others cancel
// them at random. TestMain checks that no goroutine is left.
func TestInvariant12CancelUnderConcurrency(t *testing.T) {
	const workers, seats = 10_000, 64
	s, err := New(Config{
		Limit: LimitConfig{Initial: seats}, Queue: QueueConfig{MaxRequests: workers},
		Classes: []Class{{Name: "vip", Weight: 10}, {Name: "batch", Weight: 1}},
	}, Options{})
	require.NoError(t, err)
	gone := errors.New("client gone")
	var running, most, granted, cancelled, wrong atomic.Int64
	tickets := make(chan Ticket, workers)
	var watchers, clients sync.WaitGroup
	for range 4 {
		watchers.Go(func() { // the hang-up watchers
			for tk := range tickets {
				if tk.Cancel(gone) {
					cancelled.Add(1)
				}
			}
		})
	}
	for w := range workers {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(12, uint64(w)))
			for range 3 {
				tk, err := s.Submit(Request{Class: w % 2, Flow: strconv.Itoa(w % 50), Cost: r.Int64N(1000)})
				if err != nil {
					wrong.Add(1)
					return
				}
				if r.IntN(2) == 0 {
					tickets <- tk
				}
				if r.IntN(8) == 0 {
					tk.Promote(0)
				}
				if err := tk.Wait(); err != nil {
					if !errors.Is(err, gone) || tk.Cancel(nil) {
						wrong.Add(1)
					}
					continue
				}
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				granted.Add(1)
				tk.Charge(r.Int64N(2000))
				running.Add(-1)
				tk.Release(Outcome{Cost: r.Int64N(2000), Complete: true})
				tk.Release(Outcome{Cost: 1 << 40})
			}
		})
	}
	clients.Wait()
	close(tickets)
	watchers.Wait()
	st := s.Stats()
	s.Close()
	assert.Zero(t, wrong.Load())
	assert.EqualValues(t, 3*workers, granted.Load()+cancelled.Load(), "each request ended once")
	assert.LessOrEqual(t, most.Load(), int64(seats))
	assert.Zero(t, st.Used)
	assert.Zero(t, st.Queued)
	assert.EqualValues(t, granted.Load(), st.Classes[0].Dispatched+st.Classes[1].Dispatched)
	assert.EqualValues(t, cancelled.Load(), st.Classes[0].Outcomes[ReasonCancelled]+st.Classes[1].Outcomes[ReasonCancelled])
}

// Everything that an operator may do goes on while requests flow.
func TestControlUnderConcurrency(t *testing.T) {
	cfg := chaosConfig()
	cfg.Queue.MaxRequests = 500
	s, err := New(cfg, Options{})
	require.NoError(t, err)
	var clients, operators sync.WaitGroup
	stop := make(chan struct{})
	operators.Go(func() {
		var st Stats
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := cfg
			next.Classes = append([]Class(nil), cfg.Classes[:2+i%3]...)
			assert.NoError(t, s.Reconfigure(next))
			s.SetLimit(i % 16)
			assert.NoError(t, s.Pause("vip"))
			assert.NoError(t, s.Boost("realtime", 1+i%1000, time.Now().Add(time.Millisecond)))
			s.AppendStats(&st)
			s.Dump(3)
			assert.NoError(t, s.Resume("vip"))
			s.SetLimit(8)
		}
	})
	for w := range 500 {
		clients.Go(func() {
			for i := range 20 {
				tk, err := s.Submit(Request{Class: (w + i) % 2, Flow: strconv.Itoa(w % 9), Bytes: 10})
				if err == nil && tk.Wait() == nil {
					_ = tk.Waited() + time.Duration(tk.Position())
					tk.Release(Outcome{Cost: int64(i), Signal: SignalOK})
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	operators.Wait()
	assert.Zero(t, s.Stats().Used)
	assert.Zero(t, s.Stats().Queued)
	s.Close()
	s.Close()
}

// The sweeper expires on time and sleeps otherwise; the bubble would not end
// while a goroutine is left.
func TestSweeperExpiresOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Classes: []Class{{Name: "a", Weight: 1, MaxWait: 3 * time.Second}}}, Options{})
		require.NoError(t, err)
		defer s.Close()
		for _, turn := range []time.Duration{0, time.Minute, 2 * time.Hour} {
			time.Sleep(turn) // virtual
			began := time.Now()
			tk, err := s.Submit(Request{Deadline: began.Add(100 * time.Second)})
			require.NoError(t, err)
			err = tk.Wait()
			require.ErrorIs(t, err, ErrExpired)
			waited := time.Since(began)
			assert.GreaterOrEqual(t, waited, 3*time.Second)
			assert.LessOrEqual(t, waited, 3*time.Second+20*time.Millisecond)
			var rej *Rejection
			require.ErrorAs(t, err, &rej)
			assert.Equal(t, waited, rej.Waited)
		}
	})
}

func TestBoostEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Limit: LimitConfig{Initial: 1}, Classes: []Class{{Name: "a", Weight: 5}}}
		s, err := New(cfg, Options{})
		require.NoError(t, err)
		defer s.Close()
		require.NoError(t, s.Boost("a", 500, time.Now().Add(time.Minute)))
		cfg.Classes = []Class{{Name: "a", Weight: 7}}
		require.NoError(t, s.Reconfigure(cfg))
		st := s.Stats().Classes[0]
		assert.Equal(t, 500, st.Weight)
		assert.Equal(t, 7, st.ConfiguredWeight)
		assert.Equal(t, time.Minute, st.BoostedFor)
		time.Sleep(time.Minute + 20*time.Millisecond) // virtual
		assert.Equal(t, 7, s.Stats().Classes[0].Weight)
		assert.Error(t, s.Boost("a", 0, time.Now()))
		assert.ErrorIs(t, s.Boost("b", 1, time.Now()), ErrNoClass)
	})
}

func TestCloseFailsWaiters(t *testing.T) {
	s, err := New(Config{Classes: []Class{{Name: "a", Weight: 1}}}, Options{})
	require.NoError(t, err)
	tk, err := s.Submit(Request{})
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- tk.Wait() }()
	s.Close()
	require.ErrorIs(t, <-done, ErrDraining)
	_, err = s.Submit(Request{})
	require.ErrorIs(t, err, ErrDraining)
}
