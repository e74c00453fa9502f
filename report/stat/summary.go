package stat

import (
	"fmt"
	"math"
	"slices"
)

// Number is what a sample can be.
type Number interface{ ~int | ~int64 | ~float64 }

// Confidence is what an interval of the median holds for at least.
const Confidence = 0.95

// Summary describes samples. P99 is by nearest rank: with fewer than 100
// samples it is the largest.
type Summary[T Number] struct {
	N      int `json:"n"`
	Median T   `json:"median"`
	Min    T   `json:"min"`
	Max    T   `json:"max"`
	P99    T   `json:"p99"`
	Mean   T   `json:"mean"`
	// Interval is where the median of all possible runs lies with at least
	// Confidence; nil with fewer than six samples.
	Interval *Interval[T] `json:"interval,omitempty"`
	Warning  string       `json:"warning,omitempty"`
}

// Interval is a range with how sure it is.
type Interval[T Number] struct {
	Low        T       `json:"low"`
	High       T       `json:"high"`
	Confidence float64 `json:"confidence"` // at least 0.95, below 1
}

// Summarize describes the samples, in any order; they are not changed. It is
// nil without samples.
func Summarize[T Number](samples []T) *Summary[T] {
	n := len(samples)
	if n == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(samples))
	sum := 0.0
	for _, s := range sorted {
		sum += float64(s)
	}
	summary := &Summary[T]{
		N: n, Median: median(sorted), Min: sorted[0], Max: sorted[n-1],
		P99:      sorted[int(math.Ceil(0.99*float64(n)))-1],
		Mean:     T(sum / float64(n)),
		Interval: medianInterval(sorted),
	}
	if summary.Interval == nil {
		summary.Warning = fmt.Sprintf("%d samples: a %.0f%% interval of the median needs %d", n, 100*Confidence, intervalMin)
	}
	return summary
}

func median[T Number](sorted []T) T {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	low, high := sorted[n/2-1], sorted[n/2]
	return low + (high-low)/2
}

// intervalMin is the fewest samples whose whole range is an interval of the
// median: 1 - 2 / 2^6 = 0.969.
const intervalMin = 6

// medianInterval is the narrowest pair of order statistics, as far from either
// end, that has the median between it with Confidence. The number of samples
// below the median is binomial with 1/2.
func medianInterval[T Number](sorted []T) *Interval[T] {
	n := len(sorted)
	var best *Interval[T]
	tail := 0.0 // probability of at most k samples below the median
	for k := range n / 2 {
		tail += binomialHalf(n, k)
		confidence := 1 - 2*tail
		if confidence < Confidence {
			break
		}
		best = &Interval[T]{sorted[k], sorted[n-1-k], confidence}
	}
	return best
}

// binomialHalf is the probability of k among n with 1/2 each.
func binomialHalf(n, k int) float64 {
	logGamma := func(x int) float64 { v, _ := math.Lgamma(float64(x)); return v }
	return math.Exp(logGamma(n+1) - logGamma(k+1) - logGamma(n-k+1) - float64(n)*math.Ln2)
}
