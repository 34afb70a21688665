package mock_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/loadtest/mock"
)

func TestParseDist(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		d, err := mock.ParseDist(in)
		if want == "" {
			assert.Error(t, err)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, want, d.String())
	}
	f("50ms", "fixed:50ms")
	f("fixed:50ms", "fixed:50ms")
	f("32", "fixed:32")
	f("uniform:10ms-20ms", "uniform:10ms-20ms")
	f("uniform:0-20ms", "uniform:0s-20ms")
	f("lognormal:200ms,0.8,5s", "lognormal:200ms,0.8,5s")
	f("lognormal:200,1.1,4096", "lognormal:200,1.1,4096")
	f("lognormal:200ms,0.8", "lognormal:200ms,0.8")
	f("exponential:50ms", "exponential:50ms")
	f("exponential:50ms,1s", "exponential:50ms,1s")
	for _, bad := range []string{
		"", "fixed:", "fixed:x", "fixed:-1", "fixed:2h", "fixed:NaN", "fixed:1e99", "uniform:5", "uniform:20-10",
		"uniform:10-20ms", "lognormal:5", "lognormal:5,-1", "lognormal:5,99", "lognormal:5,1,5s", "gamma:1", "exponential:1,2,3",
	} {
		f(bad, "")
	}
}

func TestDistDraws(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	median := func(s string) time.Duration {
		d, err := mock.ParseDist(s)
		require.NoError(t, err)
		draws := make([]time.Duration, 10001)
		for i := range draws {
			draws[i] = d.Duration(r)
			assert.LessOrEqual(t, draws[i], time.Second)
		}
		slices.Sort(draws)
		return draws[5000]
	}
	assert.Equal(t, 50*time.Millisecond, median("fixed:50ms"))
	assert.InDelta(t, 150, median("uniform:100ms-200ms").Milliseconds(), 4)
	assert.InDelta(t, 200, median("lognormal:200ms,0.8,1s").Milliseconds(), 15)
	assert.InDelta(t, 69, median("exponential:100ms,1s").Milliseconds(), 6)
}

func TestConfigIsChecked(t *testing.T) {
	f := func(cfg mock.Config, says string) {
		t.Helper()
		_, err := mock.New(cfg)
		assert.ErrorContains(t, err, says)
	}
	f(mock.Config{TTFT: mock.FixedCount(3)}, "ttft")
	f(mock.Config{OutputTokens: mock.FixedDuration(1)}, "tokens")
	f(mock.Config{MaxConcurrent: -1}, "max-concurrent")
	f(mock.Config{ErrorStatus: 200}, "error-status")
	f(mock.Config{Models: []string{`a"b`}}, "model name")
	f(mock.Config{Keys: []string{" "}}, "key 1 of 1 is empty")
	f(mock.Config{Faults: mock.Faults{Hang: 2}}, "hang-rate")
	f(mock.Config{Faults: mock.Faults{Hang: .6, Reset: .6}}, "add up")
}

func TestFlags(t *testing.T) {
	cfg := mock.Config{Gap: mock.FixedDuration(time.Millisecond)}
	fs := pflag.NewFlagSet("mock", pflag.ContinueOnError)
	cfg.AddFlags(fs)
	require.NoError(t, fs.Parse([]string{
		"--ttft=lognormal:200ms,0.8,5s", "--tokens=20", "--keys=a,b", "--max-concurrent=4", "--reset-rate=0.1", "--window=1s",
	}))
	assert.Equal(t, "lognormal:200ms,0.8,5s", cfg.TTFT.String())
	assert.Equal(t, mock.FixedDuration(time.Millisecond), cfg.Gap)
	assert.Equal(t, []string{"a", "b"}, cfg.Keys)
	assert.Equal(t, 4, cfg.MaxConcurrent)
	assert.Equal(t, .1, cfg.Faults.Reset)
	assert.Error(t, fs.Parse([]string{"--ttft=soon"}))
}

func FuzzParseDist(f *testing.F) {
	for _, s := range []string{"fixed:50ms", "uniform:10ms-20ms", "lognormal:200,1.1,4096", "exponential:50ms,1s", "7", ":", "uniform:0-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := mock.ParseDist(s)
		if err != nil {
			return
		}
		again, err := mock.ParseDist(d.String())
		require.NoError(t, err, d.String())
		require.Equal(t, d.String(), again.String())
		r := rand.New(rand.NewPCG(1, 2))
		for range 10 {
			require.GreaterOrEqual(t, d.Duration(r), time.Duration(0))
			require.GreaterOrEqual(t, d.Count(r), 0)
		}
	})
}
