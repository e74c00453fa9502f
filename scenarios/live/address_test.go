package live

import (
	"net/netip"
	"testing"
)

func TestUsableAddresses(t *testing.T) {
	const table = "" +
		"fe8000000000000000000000000000aa 02 40 20 80     eth0\n" +
		"fd000000000000000000000000000001 02 40 00 c0     eth0\n" +
		"fd000000000000000000000000000002 03 40 00 80     eth1\n" +
		"00000000000000000000000000000001 01 80 10 80       lo\n"
	for _, test := range []struct {
		address, device string
		want            bool
	}{
		{"fe80::aa", "eth0", true},
		{"fd00::1", "eth0", false}, // tentative
		{"fd00::2", "eth0", false}, // another's
		{"fd00::2", "eth1", true},
		{"fd00::3", "eth0", false}, // not there
		{"::1", "lo", true},
	} {
		if got := isUsable(table, netip.MustParseAddr(test.address), test.device); got != test.want {
			t.Errorf("%s on %s: %t", test.address, test.device, got)
		}
	}
}
