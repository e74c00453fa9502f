package conduct

import (
	"math"
	"math/bits"
	"time"
)

// Rate is how fast a clock goes, in millionths.
type Rate int64

// TrueRate is a clock that goes right.
const TrueRate Rate = 1_000_000

// Elapse is what the clock shows after d, rounded down.
func (r Rate) Elapse(d time.Duration) time.Duration { return scale(d, int64(r), int64(TrueRate), 0) }

// Takes is after how long the clock shows d or more, rounded up.
func (r Rate) Takes(d time.Duration) time.Duration {
	return scale(d, int64(TrueRate), int64(r), int64(r)-1)
}

// scale is (d * by + add) / over, for a d that is not negative; never where
// that does not fit.
func scale(d time.Duration, by, over, add int64) time.Duration {
	if by == over || d <= 0 {
		return d
	}
	high, low := bits.Mul64(uint64(d), uint64(by))
	low, carry := bits.Add64(low, uint64(add), 0)
	high += carry
	if high >= uint64(over) {
		return never
	}
	quotient, _ := bits.Div64(high, low, uint64(over))
	if quotient > uint64(never) {
		return never
	}
	return time.Duration(quotient)
}

// never is later than every run.
const never = time.Duration(math.MaxInt64)
