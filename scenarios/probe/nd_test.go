//go:build linux

package probe

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// advertisement is a frame with a Neighbor Advertisement of target to all
// nodes, as a solicitation's but for its type, its flags and its option's type.
func advertisement(sender [6]byte, target netip.Addr, flags byte) []byte {
	frame := solicitation(sender, target)
	all := netip.MustParseAddr("ff02::1")
	copy(frame[ethernetHeader+24:], all.AsSlice())
	message := frame[ethernetHeader+ipv6Header:]
	message[0], message[4], message[ndLength] = icmp6NeighborAdvertisement, flags, ndTargetMAC
	message[2], message[3] = 0, 0
	sum := checksum(pseudoHeader(linkLocal(sender), all, unix.IPPROTO_ICMPV6, len(message)), message)
	binary.BigEndian.PutUint16(message[2:], sum)
	return frame
}

func TestDecodeNA(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	const hopLimit, lastOfTarget, optionLength = 21, 77, 79
	for name, test := range map[string]struct {
		frame []byte
		want  history.NA
		ok    bool
	}{
		"announcement": {
			advertisement(mac, vip6, ndOverride),
			history.NA{Target: vip6, TargetMAC: "02:00:00:00:00:01", Override: true},
			true,
		},
		"an answer is no announcement": {advertisement(mac, vip6, ndSolicited), history.NA{}, false},
		"forwarded": {
			spoil(advertisement(mac, vip6, 0), hopLimit, 64),
			history.NA{Target: vip6, TargetMAC: "02:00:00:00:00:01", Problem: "hop limit"},
			true,
		},
		"corrupted": {
			spoil(advertisement(mac, vip6, 0), lastOfTarget, 1),
			history.NA{Target: netip.MustParseAddr("fd00::201"), TargetMAC: "02:00:00:00:00:01", Problem: "checksum"},
			true,
		},
		"empty option": {
			spoil(advertisement(mac, vip6, 0), optionLength, 0), history.NA{Target: vip6, Problem: "options"}, true,
		},
		"solicitation": {solicitation(mac, vip6), history.NA{}, false},
		"cut off":      {advertisement(mac, vip6, 0)[:ethernetHeader+ipv6Header+ndLength-1], history.NA{}, false},
	} {
		body, ok := decodeFrame(test.frame, history.FromHost)
		if ok != test.ok {
			t.Errorf("%s: decoded %t", name, ok)
		}
		test.want.Direction = history.FromHost
		if got, _ := body.(history.NA); ok && got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}
