package stat

import (
	"fmt"
	"math"
	"slices"
)

// Alpha is the largest p that counts as a difference.
const Alpha = 0.05

// Comparison is how two sets of samples differ.
type Comparison struct {
	// Ratio of the medians, the first by the second; 0 when the second is 0.
	Ratio float64 `json:"ratio"`
	// P is how likely it is that samples differ by at least so much when both
	// come from the same distribution: Mann-Whitney U test, two-sided.
	P float64 `json:"p"`
	// Different says that P is at most Alpha.
	Different bool   `json:"different"`
	N1        int    `json:"n1"`
	N2        int    `json:"n2"`
	Warning   string `json:"warning,omitempty"`
}

// Compare compares the first samples with the second; it is nil when either
// has none.
func Compare[T Number](a, b []T) *Comparison {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	c := &Comparison{N1: len(a), N2: len(b), P: mannWhitney(a, b)}
	first := float64(median(slices.Sorted(slices.Values(a))))
	second := float64(median(slices.Sorted(slices.Values(b))))
	if second != 0 {
		c.Ratio = first / second
	}
	c.Different = c.P <= Alpha
	if least := 2 / choose(len(a)+len(b), len(a)); least > Alpha {
		c.Warning = fmt.Sprintf("%d and %d samples are too few to show a difference", len(a), len(b))
	}
	return c
}

// exactMax is the size of either set up to which p is counted out.
const exactMax = 20

// mannWhitney is the two-sided p of the U test (Mann and Whitney, 1947): exact
// for small sets without ties, else by the normal approximation with the
// corrections for ties and continuity.
func mannWhitney[T Number](a, b []T) float64 {
	n, m := len(a), len(b)
	u, ties := statisticU(a, b)
	if ties == 0 && n <= exactMax && m <= exactMax {
		return exactP(n, m, int(min(u, float64(n*m)-u)))
	}
	total := float64(n + m)
	variance := float64(n*m) / 12 * (total + 1 - ties/(total*(total-1)))
	if variance <= 0 {
		return 1 // all samples are the same
	}
	z := max(0, math.Abs(u-float64(n*m)/2)-0.5) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// statisticU counts the pairs in which a is the larger, an equal pair as one
// half, and sums t^3 - t over the groups of t equal samples.
func statisticU[T Number](a, b []T) (u, ties float64) {
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return u, ties
}

// exactP counts the orders of n and m samples whose U is at most u, at either
// end. ways[i][v] is the number of orders of i of the first set's samples with
// U = v among j of the second's; j grows from one turn to the next.
func exactP(n, m, u int) float64 {
	ways := make([][]float64, n+1)
	for i := range ways {
		ways[i] = make([]float64, n*m+1)
		ways[i][0] = 1 // no sample of the second set yet
	}
	for j := 1; j <= m; j++ {
		for i := 1; i <= n; i++ {
			// The largest of all is of the first set, above j others, or of
			// the second.
			next := make([]float64, n*m+1)
			for v := range next {
				next[v] = ways[i][v]
				if v >= j {
					next[v] += ways[i-1][v-j]
				}
			}
			ways[i] = next
		}
	}
	below := 0.0
	for v := 0; v <= u; v++ {
		below += ways[n][v]
	}
	return min(1, 2*below/choose(n+m, n))
}

func choose(n, k int) float64 {
	ways := 1.0
	for i := 1; i <= k; i++ {
		ways = ways * float64(n-k+i) / float64(i)
	}
	return math.Round(ways)
}
