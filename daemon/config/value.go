package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
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

// byte reads the whole number of a statement, from 1 to 255.
func (c *converter) byte(s *Statement, to *uint8) {
	if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 1, math.MaxUint8); ok {
		*to = uint8(value)
	}
}

func isRange(err error) bool {
	return errors.Is(err, strconv.ErrRange)
}

// maxSeconds is the longest time that keepalived can hold: 2^32 microseconds.
const maxSeconds = math.MaxUint32 / 1000000

// seconds reads a decimal number of seconds, exact to the microsecond, more
// than zero and at most most.
func (c *converter) seconds(s *Statement, what, word string, most int) (time.Duration, bool) {
	value, ok := c.decimal(s, what, word)
	if ok && (value <= 0 || value > time.Duration(most)*time.Second) {
		c.failWithHint(s.Position, fmt.Sprintf("it may be more than 0, up to %d seconds", most), "%s %s is out of range", what, word)
		return 0, false
	}
	return value, ok
}

// secondsOf is seconds for a statement of one word, at most maxSeconds.
func (c *converter) secondsOf(s *Statement, to *time.Duration) {
	if value, ok := c.seconds(s, s.Keyword(), s.Arguments()[0], maxSeconds); ok {
		*to = value
	}
}

// secondsUpTo reads a decimal number of seconds from 0 to most.
func (c *converter) secondsUpTo(s *Statement, to *time.Duration, most int) {
	value, ok := c.decimal(s, s.Keyword(), s.Arguments()[0])
	switch {
	case !ok:
	case value > time.Duration(most)*time.Second:
		c.failWithHint(s.Position, fmt.Sprintf("it may be 0 to %d seconds", most), "%s %s is out of range", s.Keyword(), s.Arguments()[0])
	default:
		*to = value
	}
}

// decimal reads a number of seconds without bounds.
func (c *converter) decimal(s *Statement, what, word string) (time.Duration, bool) {
	value, ok := parseSeconds(word)
	if !ok {
		c.failWithHint(s.Position, "fractions go down to the microsecond: 0.25", "%s %q is not a number of seconds", what, word)
	}
	return value, ok
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
// reverse off. N is -most to most.
func (c *converter) weight(s *Statement, words []string, most int, reverse *bool, off ...string) (int, bool) {
	value, ok := c.integer(s, "weight", words[0], -most, most)
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

// address reads the address of a host. A prefix length behind it has no effect,
// as with keepalived.
func (c *converter) address(s *Statement, what, word string) (netip.Addr, bool) {
	text, length, hasLength := strings.Cut(word, "/")
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		c.fail(s.Position, "%s %q is not an address", what, word)
		return netip.Addr{}, false
	}
	if !isHost(address) {
		c.fail(s.Position, "%s %s cannot be the address of a host", what, word)
		return netip.Addr{}, false
	}
	if hasLength {
		c.note(s.Position, "", "/%s after %s has no effect", length, text)
	}
	return address, true
}

// isHost reports whether a host on a network can have the address.
func isHost(address netip.Addr) bool {
	return !address.IsUnspecified() && !address.IsMulticast() && !address.IsLoopback() && !address.Is4In6() &&
		address != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// user reads "USER [GROUP]".
func user(words []string) (name, group string) {
	if len(words) > 1 {
		group = words[1]
	}
	return words[0], group
}
