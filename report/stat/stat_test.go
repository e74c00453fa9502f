package stat

import (
	"math"
	"testing"
	"time"
)

func upTo(n int) []int {
	var samples []int
	for i := n; i >= 1; i-- {
		samples = append(samples, i)
	}
	return samples
}

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []int
		want    Summary[int] // without the interval
	}{
		{"one", []int{7}, Summary[int]{N: 1, Median: 7, Min: 7, Max: 7, P99: 7, Mean: 7}},
		{"two", []int{4, 1}, Summary[int]{N: 2, Median: 2, Min: 1, Max: 4, P99: 4, Mean: 2}},
		{"outlier stays", []int{1, 1, 97}, Summary[int]{N: 3, Median: 1, Min: 1, Max: 97, P99: 97, Mean: 33}},
		{"hundred", upTo(100), Summary[int]{N: 100, Median: 50, Min: 1, Max: 100, P99: 99, Mean: 50}},
		{"hundred and one", upTo(101), Summary[int]{N: 101, Median: 51, Min: 1, Max: 101, P99: 100, Mean: 51}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := *Summarize(c.samples)
			got.Interval, got.Warning = nil, ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	if Summarize([]int{}) != nil {
		t.Error("a summary of nothing")
	}
}

func TestSummarizeLeavesTheSamplesAlone(t *testing.T) {
	samples := []time.Duration{3, 1, 2}
	Summarize(samples)
	if samples[0] != 3 || samples[1] != 1 {
		t.Errorf("samples are now %v", samples)
	}
}

// The ranks are those of the tables for the sign test's interval.
func TestMedianInterval(t *testing.T) {
	for _, c := range []struct {
		n, low, high int // ranks from 1; low 0: none
		confidence   float64
	}{
		{5, 0, 0, 0},
		{6, 1, 6, 0.96875},
		{8, 1, 8, 0.9921875},
		{9, 2, 8, 0.9609375},
		{10, 2, 9, 0.978515625},
		{20, 6, 15, 0.958610534667969},
		{100, 40, 61, 0.9647997997822952},
	} {
		got := Summarize(upTo(c.n))
		if c.low == 0 {
			if got.Interval != nil || got.Warning == "" {
				t.Errorf("n=%d: interval %v, warning %q", c.n, got.Interval, got.Warning)
			}
			continue
		}
		if got.Interval == nil || got.Warning != "" {
			t.Errorf("n=%d: no interval, or warning %q", c.n, got.Warning)
			continue
		}
		i := *got.Interval
		if i.Low != c.low || i.High != c.high || math.Abs(i.Confidence-c.confidence) > 1e-9 {
			t.Errorf("n=%d: %+v, want %d to %d with %v", c.n, i, c.low, c.high, c.confidence)
		}
	}
}

// The exact values are counted by hand: 2/C(6,3), 2/C(8,4), 2/C(10,5), ...
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name      string
		a, b      []int
		ratio, p  float64
		different bool
		warning   bool
	}{
		{"three apart from three", []int{1, 2, 3}, []int{4, 5, 6}, 0.4, 0.1, false, true},
		{"four apart from four", []int{1, 2, 3, 4}, []int{5, 6, 7, 8}, 2.0 / 6, 2.0 / 70, true, false},
		{"the other way round", []int{5, 6, 7, 8}, []int{1, 2, 3, 4}, 3, 2.0 / 70, true, false},
		{"five apart but for one", []int{1, 2, 3, 4, 6}, []int{5, 7, 8, 9, 10}, 3.0 / 8, 4.0 / 252, true, false},
		{"interleaved", []int{1, 3, 5, 7}, []int{2, 4, 6, 8}, 4.0 / 5, 0.6857142857, false, false},
		{"all the same", []int{1, 1, 1, 1}, []int{1, 1, 1, 1}, 1, 1, false, false},
		{"ratio to zero", []int{1, 2, 3, 4}, []int{0, 0, 0, 0}, 0, 0.0210, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(c.a, c.b)
			if math.Abs(got.Ratio-c.ratio) > 1e-9 || math.Abs(got.P-c.p) > 1e-3 ||
				got.Different != c.different || (got.Warning != "") != c.warning {
				t.Errorf("got %+v, want %+v", *got, c)
			}
		})
	}
	if Compare([]int{1}, nil) != nil {
		t.Error("a comparison with nothing")
	}
}

// The normal approximation must meet the exact value where both apply.
func TestApproximationMeetsTheExactP(t *testing.T) {
	var a, b []float64
	for i := range exactMax {
		a = append(a, float64(2*i))
		b = append(b, float64(2*i)+7.5)
	}
	exact := mannWhitney(a, b)
	approximate := mannWhitney(append(a, 17.2), append(b, 18.3)) // 21 each
	if math.Abs(exact-approximate) > 0.02 {
		t.Errorf("exact %v, approximate %v", exact, approximate)
	}
}
