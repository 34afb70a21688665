package scheduler

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// maxMin is the oracle of fair shares: it divides a capacity by weight among
// demands, and what one does not need among the others. It fills the least
// demanding first, which has nothing in common with virtual time.
func maxMin(capacity float64, demands, weights []float64) []float64 {
	out := make([]float64, len(demands))
	open := map[int]bool{}
	for i := range demands {
		open[i] = true
	}
	for len(open) > 0 {
		weight, next := 0.0, -1
		for i := range open {
			weight += weights[i]
			if next < 0 || demands[i]/weights[i] < demands[next]/weights[next] {
				next = i
			}
		}
		if fair := capacity * weights[next] / weight; demands[next] > fair {
			for i := range open {
				out[i] = capacity * weights[i] / weight
			}
			return out
		}
		out[next] = demands[next]
		capacity -= demands[next]
		delete(open, next)
	}
	return out
}

func TestMaxMinOracle(t *testing.T) {
	f := func(capacity float64, demands, weights, want []float64) {
		t.Helper()
		assert.InDeltaSlice(t, want, maxMin(capacity, demands, weights), 1e-9)
	}
	f(1, []float64{9, 9}, []float64{3, 1}, []float64{.75, .25})
	f(1, []float64{.2, 9}, []float64{3, 1}, []float64{.2, .8})
	f(1, []float64{.1, .2}, []float64{1, 1}, []float64{.1, .2})
	f(1, []float64{.15, .25, .3, 1.3}, []float64{40, 30, 20, 10}, []float64{.15, .25, .3, .3})
	f(1, []float64{1.1, .3, .3, .3}, []float64{40, 30, 20, 10}, []float64{.4, .3, .2, .1})
	f(10, nil, nil, []float64{})
}

func TestMaxMinOracleIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		demands := rapid.SliceOfN(rapid.Float64Range(0, 2), n, n).Draw(t, "demands")
		weights := rapid.SliceOfN(rapid.Float64Range(1, 100), n, n).Draw(t, "weights")
		got := maxMin(1, demands, weights)
		sum, demand := 0.0, 0.0
		for i := range got {
			sum, demand = sum+got[i], demand+demands[i]
			assert.LessOrEqual(t, got[i], demands[i]+1e-9)
			for j := range got {
				if got[i] < demands[i]-1e-9 { // unsatisfied: nobody has more per weight
					assert.LessOrEqual(t, got[j]/weights[j], got[i]/weights[i]+1e-9)
				}
			}
		}
		assert.InDelta(t, min(1, demand), sum, 1e-9, "all of it is used")
	})
}
