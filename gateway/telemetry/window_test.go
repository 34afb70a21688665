package telemetry

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sample is one observation of the model: a plain list.
type sample struct{ at, d time.Duration }

func exactQuantile(samples []sample, at time.Duration, q float64) (time.Duration, bool) {
	var in []time.Duration
	for _, s := range samples {
		if s.at/slotLength > at/slotLength-slotCount {
			in = append(in, s.d)
		}
	}
	if len(in) == 0 {
		return 0, false
	}
	slices.Sort(in)
	return in[max(int(math.Ceil(q*float64(len(in)))), 1)-1], true
}

func TestWindowAgreesWithExactQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var samples []sample
		var now time.Duration
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			now += time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "gap"))
			if rapid.IntRange(0, 20).Draw(t, "idle") == 0 {
				now += 3 * time.Minute
			}
			exp := rapid.Float64Range(3, 12.5).Draw(t, "exp") // 1 µs to 53 min
			d := time.Duration(math.Pow(10, exp))
			samples = append(samples, sample{now, d})
			w.observe(now, d)
		}
		at := now + time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "read"))
		q := rapid.SampledFrom([]float64{0.5, 0.95, 0.99, 1}).Draw(t, "q")
		want, wantOK := exactQuantile(samples, at, q)
		var sum tally
		sum.add(&w, at)
		got, ok := sum.quantile(q)
		require.Equal(t, wantOK, ok)
		if !ok {
			return
		}
		floor := durationOf(1 << firstOctave)
		assert.InDelta(t, float64(want), float64(got), max(0.0501*float64(want), float64(floor)))
		assert.Equal(t, want > time.Second, got > time.Second, "%s read as %s is on the wrong side of a second", want, got)
	})
}

func TestWindowForgetsAfterSixtyFiveSeconds(t *testing.T) {
	var w window
	w.observe(2*time.Second, time.Second)
	for _, tt := range []struct {
		at   time.Duration
		want bool
	}{{2 * time.Second, true}, {62 * time.Second, true}, {64 * time.Second, true}, {65 * time.Second, false}, {time.Hour, false}} {
		var sum tally
		sum.add(&w, tt.at)
		_, ok := sum.quantile(0.95)
		assert.Equal(t, tt.want, ok, tt.at)
	}
}

func TestWindowUsesASlotAgain(t *testing.T) {
	var w window
	w.observe(0, time.Hour)
	w.observe(slotCount*slotLength, time.Millisecond)
	var sum tally
	sum.add(&w, slotCount*slotLength)
	assert.EqualValues(t, 1, sum.total)
}

func TestWindowTakesLateObservationWithoutClearing(t *testing.T) {
	var w window
	w.observe(slotCount*slotLength, time.Millisecond)
	w.observe(0, time.Millisecond) // held up for more than a minute
	var sum tally
	sum.add(&w, slotCount*slotLength)
	assert.EqualValues(t, 2, sum.total)
}

func TestWindowLosesNothingUnderConcurrency(t *testing.T) {
	var w window
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				w.observe(time.Duration(g+i/1000)*slotLength, time.Duration(i)*time.Microsecond)
			}
		})
	}
	wg.Wait()
	var sum tally
	sum.add(&w, 5*slotLength)
	assert.EqualValues(t, 8000, sum.total)
}

func TestBucketsCoverEverything(t *testing.T) {
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, time.Microsecond, time.Second, time.Hour, math.MaxInt64} {
		b := bucketOf(d)
		assert.True(t, b >= 0 && b < bucketCount, "%s in bucket %d", d, b)
	}
	for b := 1; b < bucketCount; b++ {
		assert.Greater(t, middleOf(b), middleOf(b-1))
		assert.Equal(t, b, bucketOf(middleOf(b)))
	}
	assert.Less(t, bucketOf(time.Second), bucketOf(time.Second+time.Microsecond), "a second is an edge")
}
