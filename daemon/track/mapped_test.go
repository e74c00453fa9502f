package track

import "testing"

func TestMapped(t *testing.T) {
	for _, c := range []struct {
		ids  string
		uid  uint32
		want bool
	}{
		{"         0          0 4294967295\n", 0, true},
		{"         0          0 4294967295\n", 65534, true},
		{"         0       1000          1\n", 0, true},
		{"         0       1000          1\n", 65534, false},
		{"         0       1000          1\n         1     100000      65536\n", 65534, true},
		{"", 0, false},
	} {
		if got := mapped(c.ids, c.uid); got != c.want {
			t.Errorf("mapped(%q, %d) = %t", c.ids, c.uid, got)
		}
	}
}
