package scheduler

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	f := func(want string, change func(*Config)) {
		t.Helper()
		cfg := chaosConfig()
		change(&cfg)
		_, err := New(cfg, Options{})
		assert.ErrorContains(t, err, want)
	}
	require.NoError(t, chaosConfig().Validate())
	f(`pool "chaos"`, func(c *Config) { c.Classes = nil })
	f("classes: 0 given, must be 1 to 64", func(c *Config) { c.Classes = nil })
	f("classes: 65 given", func(c *Config) { c.Classes = make([]Class, 65) })
	f(`class "vip": given twice`, func(c *Config) { c.Classes[1].Name = "vip" })
	f("classes[2]: name is empty", func(c *Config) { c.Classes[2].Name = "" })
	f(`class "vip": weight is 1001, must be 1 to 1000`, func(c *Config) { c.Classes[0].Weight = 1001 })
	f("warp is -1s", func(c *Config) { c.Classes[0].Warp = -time.Second })
	f("max_wait is -1s", func(c *Config) { c.Classes[0].MaxWait = -time.Second })
	f("queue_limit is -1", func(c *Config) { c.Classes[0].QueueLimit = -1 })
	f("max_seats: 101 %", func(c *Config) { c.Classes[0].MaxSeats.Percent = 101 })
	f("max_seats: both 1 seats and 1 %", func(c *Config) { c.Classes[0].MaxSeats = SeatCap{1, 1} })
	f("headroom of all classes is 2, at most 0 of 12 seats", func(c *Config) { c.AllowLargeHeadroom = false })
	f("limit: min 9 and max 8", func(c *Config) { c.Limit.Min, c.Limit.Max = 9, 8 })
	f("limit: initial is -1", func(c *Config) { c.Limit.Initial = -1 })
	f("limit: mode 9", func(c *Config) { c.Limit.Mode = 9 })
	f("backoff is 1.5", func(c *Config) { c.Limit.Backoff = 1.5 })
	f("grow_at is -1", func(c *Config) { c.Limit.GrowAt = -1 })
	f("max_requests is -1", func(c *Config) { c.Queue.MaxRequests = -1 })
	f("max_bytes is -1", func(c *Config) { c.Queue.MaxBytes = -1 })
	f("max_flows is -1", func(c *Config) { c.Queue.MaxFlows = -1 })
	f("spare_tickets is -1", func(c *Config) { c.Queue.SpareTickets = -1 })
	f("min_retry_after 2m0s", func(c *Config) { c.Queue.MinRetryAfter, c.Queue.MaxRetryAfter = 2*time.Minute, time.Minute })
	f("max_cost is -5", func(c *Config) { c.MaxCost = -5 })
	f("initial_cost is 2000000", func(c *Config) { c.InitialCost = 2_000_000 })
	f("cost_per_second is -1", func(c *Config) { c.CostPerSecond = -1 })
}

func TestSeatCapText(t *testing.T) {
	f := func(text string, want SeatCap, limit, seats int) {
		t.Helper()
		var got SeatCap
		require.NoError(t, got.UnmarshalText([]byte(text)))
		assert.Equal(t, want, got)
		assert.Equal(t, seats, got.of(limit))
		out, err := got.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, text, string(out))
	}
	f("80%", SeatCap{Percent: 80}, 64, 51)
	f("1%", SeatCap{Percent: 1}, 5, 1)
	f("1%", SeatCap{Percent: 1}, 0, 0)
	f("12", SeatCap{Seats: 12}, 5, 12)
	f("", SeatCap{}, 5, noCap)
	for _, bad := range []string{"x", "-1", "101%", "1.5", "%"} {
		assert.Error(t, new(SeatCap).UnmarshalText([]byte(bad)), bad)
	}
}

func TestLimitModeText(t *testing.T) {
	for _, m := range []LimitMode{Fixed, AIMD} {
		text, err := m.MarshalText()
		require.NoError(t, err)
		var got LimitMode
		require.NoError(t, got.UnmarshalText(text))
		assert.Equal(t, m, got)
	}
	assert.Error(t, new(LimitMode).UnmarshalText([]byte("gradient")))
	assert.Equal(t, "limit mode 7", LimitMode(7).String())
}

func TestRejectionMatchesItsSentinel(t *testing.T) {
	all := []error{ErrQueueFull, ErrDisplaced, ErrExpired, ErrPredictedWait, ErrBytes, ErrDraining, ErrCancelled}
	names := map[string]bool{}
	for r := range NumReasons {
		err := fmt.Errorf("wrapped: %w", &Rejection{Reason: r, Class: "vip"})
		for i, sentinel := range all {
			assert.Equal(t, i == int(r), errors.Is(err, sentinel))
		}
		names[r.String()] = true
	}
	assert.Len(t, names, int(NumReasons))
	assert.Equal(t, "unknown", NumReasons.String())
	assert.Contains(t, (&Rejection{Reason: ReasonExpired, Class: "vip"}).Error(), `class "vip": expired while waiting`)
}

func TestVirtualOrderSurvivesAWeekOfIdling(t *testing.T) {
	p := newPool(t, twoClasses(1))
	p.submit(0, "a").Release(Outcome{})
	p.classes[0].start = p.v - 1<<62 - 1<<61 // as after years without a request
	for range refreshSteps {
		p.submit(1, "b").Release(Outcome{})
	}
	assert.Zero(t, p.classes[0].start-p.v)
}
