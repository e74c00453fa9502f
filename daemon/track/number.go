package track

import (
	"fmt"
	"math"
	"strings"
)

// numberBytesMax is how much of a file is read for its number.
const numberBytesMax = 127

// ParseNumber reads the number at the beginning of a tracked file, as
// keepalived does: white space, a sign, and digits that are hexadecimal after
// 0x and octal after 0. What follows is ignored, and no digits are 0. A number
// outside of -2147483648 to 2147483648 is an error.
func ParseNumber(text []byte) (int, error) {
	rest := strings.TrimLeft(string(text[:min(len(text), numberBytesMax)]), " \t\n\v\f\r")
	sign := 1
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	base := 10
	switch {
	case len(rest) > 2 && (rest[:2] == "0x" || rest[:2] == "0X") && digit(rest[2]) < 16:
		base, rest = 16, rest[2:]
	case rest != "" && rest[0] == '0':
		base = 8
	}
	number := 0
	for n := 0; n < len(rest) && digit(rest[n]) < base; n++ {
		number = number*base + digit(rest[n])
		if number > math.MaxInt32+1 {
			return 0, fmt.Errorf("read a number from %.20q: it is too large", text)
		}
	}
	return sign * number, nil
}

// digit is the value of a digit in bases up to 16; 16 of anything else.
func digit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return 16
}
