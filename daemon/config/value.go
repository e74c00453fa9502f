package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The readers in this file report what is wrong with a word and then return
// false. what names the value in the message.

// integer reads a whole number from lo to hi.
func (c *converter) integer(s *Statement, what, word string, lo, hi int) (int, bool) {
	value, err := strconv.ParseInt(word, 10, 64)
	if err != nil && !isRange(err) {
		c.fail(s.Position, "%s %q is not a whole number", what, word)
		return 0, false
	}
	if err != nil || value < int64(lo) || value > int64(hi) {
		c.failWithHint(s.Position, fmt.Sprintf("it may be %d to %d", lo, hi), "%s %s is out of range", what, word)
		return 0, false
	}
	return int(value), true
}

func isRange(err error) bool {
	return errors.Is(err, strconv.ErrRange)
}

// maxSeconds is the longest time that keepalived can hold: 2^32 microseconds.
const maxSeconds = math.MaxUint32 / 1000000

// seconds reads a decimal number of seconds, exact to the microsecond, more
// than zero and at most maxSeconds.
func (c *converter) seconds(s *Statement, what, word string) (time.Duration, bool) {
	value, ok := parseSeconds(word)
	if !ok {
		c.failWithHint(s.Position, "fractions go down to the microsecond: 0.25", "%s %q is not a number of seconds", what, word)
		return 0, false
	}
	if value <= 0 || value > maxSeconds*time.Second {
		c.failWithHint(s.Position, fmt.Sprintf("it may be more than 0, up to %d seconds", maxSeconds), "%s %s is out of range", what, word)
		return 0, false
	}
	return value, true
}

// parseSeconds reads digits, and after a point at most six more. What is too
// large to hold comes back as the largest Duration.
func parseSeconds(word string) (time.Duration, bool) {
	whole, fraction, point := strings.Cut(word, ".")
	if whole == "" || point && fraction == "" || len(fraction) > 6 ||
		strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	micros, err := strconv.ParseInt(whole+(fraction + "000000")[:6], 10, 64)
	if err != nil || micros > math.MaxInt64/int64(time.Microsecond) {
		return math.MaxInt64, true
	}
	return time.Duration(micros) * time.Microsecond, true
}

// weight reads "N", "N reverse", or N with one of the words that switch
// reverse off.
func (c *converter) weight(s *Statement, words []string, reverse *bool, off ...string) (int, bool) {
	value, ok := c.integer(s, "weight", words[0], -253, 253)
	if len(words) == 1 || !ok {
		return value, ok
	}
	if words[1] == "reverse" {
		*reverse = true
		return value, true
	}
	if slices.Contains(off, words[1]) {
		*reverse = false
		return value, true
	}
	c.failWithHint(s.Position, `only "reverse" may follow`, "unexpected %q after the weight", words[1])
	return 0, false
}

// maxInterfaceName is IFNAMSIZ (linux/if.h) without its final zero.
const maxInterfaceName = 15

// interfaceName checks the name of a network interface as the kernel does
// (dev_valid_name in net/core/dev.c).
func (c *converter) interfaceName(s *Statement, what, name string) bool {
	switch {
	case len(name) > maxInterfaceName:
		c.fail(s.Position, "%s %q is longer than %d bytes", what, name, maxInterfaceName)
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/:"+blanks):
		c.fail(s.Position, "%s %q cannot be the name of an interface", what, name)
	default:
		return true
	}
	return false
}

// user reads "USER [GROUP]".
func user(words []string) (name, group string) {
	if len(words) > 1 {
		group = words[1]
	}
	return words[0], group
}
