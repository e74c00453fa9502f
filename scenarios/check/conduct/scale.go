package conduct

import (
	"math/bits"
	"time"
)

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
