package track

import (
	"math"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	tests := []struct {
		text string
		want int
	}{
		{"", 0},
		{"0\n", 0},
		{"10\n", 10},
		{"-10", -10},
		{"+10", 10},
		{" \t\n 7", 7},
		{"12 apples", 12},
		{"1.9", 1},
		{"apples 12", 0},
		{"- 5", 0},
		{"--5", 0},
		{"010", 8},
		{"-010", -8},
		{"08", 0},
		{"0x1f", 31},
		{"-0X1F", -31},
		{"0x", 0},
		{"0xg", 0},
		{"2147483648", math.MaxInt32 + 1},
		{"-2147483648", math.MinInt32},
		{strings.Repeat(" ", 126) + "12", 1},
	}
	for _, test := range tests {
		if got, err := ParseNumber([]byte(test.text)); err != nil || got != test.want {
			t.Errorf("%q: got %d, %v, want %d", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"2147483649", "-2147483649", "0xffffffff", strings.Repeat("9", 100)} {
		if got, err := ParseNumber([]byte(text)); err == nil {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	f.Add([]byte("-0x7f\n"))
	f.Add([]byte(" 012"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := ParseNumber(text); err == nil && (n > math.MaxInt32+1 || n < -math.MaxInt32-1) {
			t.Errorf("%q: %d", text, n)
		}
	})
}
