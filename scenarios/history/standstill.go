package history

import (
	"math"
	"slices"
	"time"
)

// Standstill is for how long the machine stood still, in all, by the canaries
// that say more than over, which come in their order. Each tells of a time that
// ends with it at the latest; of a wait that goes on several tell, and it counts
// once.
func Standstill(canaries []Seen[Canary], over time.Duration) time.Duration {
	var sum time.Duration
	counted := time.Duration(math.MaxInt64) // from here on
	for _, c := range slices.Backward(canaries) {
		if delay := c.Body.Delay(); delay > over {
			from := c.At - delay
			sum += max(0, min(c.At, counted)-from)
			counted = min(counted, from)
		}
	}
	return sum
}
