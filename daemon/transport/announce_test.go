package transport

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"
)

// The wanted frame is one that keepalived 2.2.7 sent.
func TestGratuitousARPIsKeepalivedsFrame(t *testing.T) {
	hardware := net.HardwareAddr{0xc6, 0xb1, 0xd5, 0xa8, 0x17, 0xd1}
	got := hex.EncodeToString(gratuitousARP(hardware, netip.MustParseAddr("10.9.0.100")))
	const want = "ffffffffffff" + "c6b1d5a817d1" + "0806" + "0001" + "0800" + "06" + "04" + "0001" +
		"c6b1d5a817d1" + "0a090064" + "ffffffffffff" + "0a090064"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnnouncerNeedsEthernet(t *testing.T) {
	if _, err := NewAnnouncer("lo", 1, nil, nil); err == nil {
		t.Error("no error for an interface without a hardware address")
	}
}
