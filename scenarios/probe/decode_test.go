//go:build linux

package probe

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// sample is a frame as an advertisement is sent in it; the checksums are right
// unless broken afterwards.
type sample struct {
	version  byte
	vrid     byte
	priority byte
	interval uint16 // seconds in version 2, centiseconds in version 3
	source   netip.Addr
	vips     []netip.Addr
	peer     netip.Addr // instead of the group
}

func (s sample) message() []byte {
	m := []byte{s.version<<4 | 1, s.vrid, s.priority, byte(len(s.vips))}
	m = binary.BigEndian.AppendUint16(m, s.interval)
	m = append(m, 0, 0)
	for _, vip := range s.vips {
		m = append(m, vip.AsSlice()...)
	}
	if s.version == 2 {
		m = append(m, make([]byte, vrrpAuthLength)...)
	}
	return m
}

var group4, group6 = netip.MustParseAddr("224.0.0.18"), netip.MustParseAddr("ff02::12")

func (s sample) group() netip.Addr {
	if s.peer.IsValid() {
		return s.peer
	}
	if s.source.Is6() {
		return group6
	}
	return group4
}

func (s sample) frame() []byte {
	m := s.message()
	sum := checksum(m)
	group := s.group().AsSlice()
	if s.version == 3 {
		sum = checksum(pseudoHeader(s.source, s.group(), protocolVRRP, len(m)), m)
	}
	binary.BigEndian.PutUint16(m[6:], sum)
	if s.source.Is6() {
		frame := []byte{0x33, 0x33, 0, 0, 0, 0x12, 0x02, 0, 0, 0, 0, 1, 0x86, 0xdd}
		frame = append(frame, 0x6c, 0, 0, 0, 0, byte(len(m)), protocolVRRP, 255)
		return append(append(append(frame, s.source.AsSlice()...), group...), m...)
	}
	ip := []byte{0x45, 0xc0, 0, byte(ipv4Header + len(m)), 0, 1, 0, 0, 255, protocolVRRP, 0, 0}
	ip = append(append(ip, s.source.AsSlice()...), group...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	frame := []byte{0x01, 0x00, 0x5e, 0, 0, 18, 0x02, 0, 0, 0, 0, 1, 8, 0}
	return append(append(frame, ip...), m...)
}

var (
	sample2 = sample{version: 2, vrid: 51, priority: 150, interval: 1, source: netip.MustParseAddr("10.0.0.101"), vips: []netip.Addr{vip}}
	sample3 = sample{version: 3, vrid: 52, priority: 0, interval: 10, source: netip.MustParseAddr("10.0.0.102"), vips: []netip.Addr{vip, netip.MustParseAddr("10.0.0.201")}}
	sample6 = sample{version: 3, vrid: 53, priority: 150, interval: 10, source: netip.MustParseAddr("fe80::1"), vips: []netip.Addr{vip6}}
)

// recorded was sent by keepalived 2.2.7 (version 3, VRID 51, priority 200,
// 100 ms) on a veth.
const recorded = `
	0100 5e00 0012 5252 1a2b 4ba7 0800 45c0
	0020 0001 0000 ff70 d035 0a00 0065 e000
	0012 3133 c801 000a 1105 0a00 00c8`

func TestDecodeAdvert(t *testing.T) {
	tests := map[string]struct {
		sample sample
		change func([]byte) []byte
		want   history.Advert
	}{
		"version 2": {
			sample: sample2,
			want:   history.Advert{Version: 2, VRID: 51, Priority: 150, Interval: time.Second},
		},
		"version 3": {
			sample: sample3,
			want:   history.Advert{Version: 3, VRID: 52, Interval: 100 * time.Millisecond},
		},
		"IPv6": {
			sample: sample6,
			want:   history.Advert{Version: 3, VRID: 53, Priority: 150, Interval: 100 * time.Millisecond},
		},
		"IPv6 padded by the link": {
			sample: sample6,
			change: func(f []byte) []byte { return append(f, 1, 2) },
			want:   history.Advert{Version: 3, VRID: 53, Priority: 150, Interval: 100 * time.Millisecond},
		},
		"hop limit changed on the way": {
			sample: sample6,
			change: func(f []byte) []byte { f[21] = 64; return f },
			want: history.Advert{
				Version: 3, VRID: 53, Priority: 150, Interval: 100 * time.Millisecond, Problem: "hop limit 64",
			},
		},
		"hop limit of a unicast peer": {
			sample: sample{
				version: 3, vrid: 53, priority: 150, interval: 10, vips: []netip.Addr{vip6},
				source: netip.MustParseAddr("fd00::101"), peer: netip.MustParseAddr("fd00::102"),
			},
			change: func(f []byte) []byte { f[21] = 64; return f },
			want:   history.Advert{Version: 3, VRID: 53, Priority: 150, Interval: 100 * time.Millisecond},
		},
		"IPv6 with a wrong checksum": {
			sample: sample6,
			change: func(f []byte) []byte { f[56] = 100; return f },
			want: history.Advert{
				Version: 3, VRID: 53, Priority: 100, Interval: 100 * time.Millisecond, Problem: "VRRP checksum",
			},
		},
		"padded by the link": {
			sample: sample2,
			change: func(f []byte) []byte { return append(f, 1, 2, 3, 4, 5, 6) },
			want:   history.Advert{Version: 2, VRID: 51, Priority: 150, Interval: time.Second},
		},
		"wrong checksum": {
			sample: sample2,
			change: func(f []byte) []byte { f[36] = 100; return f },
			want:   history.Advert{Version: 2, VRID: 51, Priority: 100, Interval: time.Second, Problem: "VRRP checksum"},
		},
		"TTL changed on the way": {
			sample: sample3,
			change: func(f []byte) []byte { f[22] = 254; return f },
			want: history.Advert{
				Version: 3, VRID: 52, Interval: 100 * time.Millisecond,
				Problem: "TTL 254; IPv4 header checksum",
			},
		},
		"unknown version": {
			sample: sample{version: 4, vrid: 1, source: sample2.source, vips: sample2.vips},
			want:   history.Advert{Version: 4, VRID: 1, Problem: "version 4"},
		},
		"another type": {
			sample: sample2,
			change: func(f []byte) []byte { f[34] = 0x22; f[40]--; return f },
			want:   history.Advert{Version: 2, VRID: 51, Priority: 150, Interval: time.Second, Problem: "type 2"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			frame := test.sample.frame()
			if test.change != nil {
				frame = test.change(frame)
			}
			test.want.Direction = history.ToHost
			test.want.Source, test.want.VIPs = test.sample.source, test.sample.vips
			test.want.Destination = test.sample.group()
			got, ok := decodeFrame(frame, history.ToHost)
			if diff := cmp.Diff(history.Body(test.want), got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); !ok || diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDecodeAdvertOfKeepalived(t *testing.T) {
	frame, err := hex.DecodeString(strings.Join(strings.Fields(recorded), ""))
	if err != nil {
		t.Fatal(err)
	}
	got, ok := decodeFrame(frame, history.FromHost)
	want := history.Advert{
		Direction: history.FromHost, Version: 3, VRID: 51, Priority: 200, Interval: 100 * time.Millisecond,
		Source: netip.MustParseAddr("10.0.0.101"), Destination: group4, VIPs: []netip.Addr{vip},
	}
	if diff := cmp.Diff(history.Body(want), got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); !ok || diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeAdvertSaysWhatIsMissing(t *testing.T) {
	for header, whole := range map[int][]byte{
		ipv4Header: sample3.frame()[ethernetHeader:], ipv6Header: sample6.frame()[ethernetHeader:],
	} {
		for length := range whole {
			advert, ok := decodeAdvert(whole[:length])
			if ok != (length >= header) {
				t.Errorf("%d bytes: decoded %t", length, ok)
			}
			if ok && advert.Problem == "" {
				t.Errorf("%d of %d bytes: no problem", length, len(whole))
			}
		}
	}
}

func TestDecodeARP(t *testing.T) {
	probe := arpProbe([6]byte{2, 0, 0, 0, 0, 1}, vip)[ethernetHeader:]
	gratuitous := append([]byte{}, probe...)
	copy(gratuitous[14:], vip.AsSlice())
	reply := append([]byte{}, gratuitous...)
	reply[7] = arpReply
	copy(reply[18:], []byte{2, 0, 0, 0, 0, 2, 10, 0, 0, 104})
	const mac1, mac2, zero = "02:00:00:00:00:01", "02:00:00:00:00:02", "00:00:00:00:00:00"
	for name, test := range map[string]struct {
		data []byte
		want history.ARP
	}{
		"probe": {probe, history.ARP{
			Operation: "request", SenderIP: netip.IPv4Unspecified(), SenderMAC: mac1, TargetIP: vip, TargetMAC: zero,
		}},
		"gratuitous": {gratuitous, history.ARP{
			Operation: "request", SenderIP: vip, SenderMAC: mac1, TargetIP: vip, TargetMAC: zero, Gratuitous: true,
		}},
		"reply": {reply, history.ARP{
			Operation: "reply", SenderIP: vip, SenderMAC: mac1, TargetIP: netip.MustParseAddr("10.0.0.104"), TargetMAC: mac2,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := decodeARP(test.data); !ok || got != test.want {
				t.Errorf("got %+v, %t, want %+v", got, ok, test.want)
			}
			for _, spoiled := range [][]byte{test.data[:arpLength-1], spoil(test.data, 1, 6), spoil(test.data, 2, 0x86), spoil(test.data, 7, 3)} {
				if got, ok := decodeARP(spoiled); ok {
					t.Errorf("%x was taken for %+v", spoiled, got)
				}
			}
		})
	}
}

// spoil is a copy with one byte changed.
func spoil(data []byte, at int, value byte) []byte {
	changed := append([]byte{}, data...)
	changed[at] = value
	return changed
}

func TestFilters(t *testing.T) {
	request := arpProbe([6]byte{2, 0, 0, 0, 0, 1}, vip)
	reply := spoil(request, 21, arpReply)
	copy(reply[28:], vip.AsSlice())
	toObserver := append([]byte{}, reply...)
	mac := observerMAC(7)
	copy(toObserver, mac[:])
	echo := append(sample2.frame()[ethernetHeader:34], echoRequest(0x1234, 9)...)
	echo[9], echo[20] = 1, icmpEchoReply
	copy(echo[12:], vip.AsSlice())
	advert, advert6 := sample3.frame(), sample6.frame()
	na := advertisement([6]byte{2, 0, 0, 0, 0, 1}, vip6, 0)
	echo6 := append(sample6.frame()[ethernetHeader:54], echoRequest(0x1234, 9)...)
	echo6[6], echo6[40] = 58, icmp6EchoReply
	copy(echo6[8:], vip6.AsSlice())

	tests := []struct {
		name   string
		filter []bpf.Instruction
		packet []byte
		keep   bool
	}{
		{"capture: ARP request", captureFilter(), request, true},
		{"capture: ARP reply", captureFilter(), reply, true},
		{"capture: VRRP", captureFilter(), advert, true},
		{"capture: other IPv4", captureFilter(), spoil(advert, 23, 6), false},
		{"capture: VRRP over IPv6", captureFilter(), advert6, true},
		{"capture: other IPv6", captureFilter(), spoil(advert6, 20, 6), false},
		{"capture: neighbor advertisement", captureFilter(), na, true},
		{"capture: neighbor solicitation", captureFilter(), solicitation(mac, vip6), false},
		{"capture: neither", captureFilter(), spoil(spoil(advert, 12, 0x88), 13, 0xcc), false},
		{"capture: owner probe", captureFilter(), arpProbe(mac, vip), false},
		{"capture: answer to an owner probe", captureFilter(), toObserver, false},
		{"owners: reply", ownersFilter(vip), toObserver, true},
		{"owners: request", ownersFilter(vip), request, false},
		{"owners: another address", ownersFilter(vip), spoil(toObserver, 31, 7), false},
		{"owners: not ARP", ownersFilter(vip), spoil(toObserver, 13, 0), false},
		{"owners: neighbor advertisement", ownersFilter(vip6), na, true},
		{"owners: neighbor solicitation", ownersFilter(vip6), solicitation(mac, vip6), false},
		{"owners: another IPv6 address", ownersFilter(vip6), spoil(na, 77, 7), false},
		{"echo: IPv6 reply", echoFilter(vip6, 0x1234), echo6, true},
		{"echo: IPv6 request", echoFilter(vip6, 0x1234), spoil(echo6, 40, icmp6EchoRequest), false},
		{"echo: another IPv6 host's", echoFilter(vip6, 0x1234), spoil(echo6, 23, 7), false},
		{"echo: IPv6, another program's", echoFilter(vip6, 0x1235), echo6, false},
		{"echo: reply", echoFilter(vip, 0x1234), echo, true},
		{"echo: request", echoFilter(vip, 0x1234), spoil(echo, 20, icmpEchoRequest), false},
		{"echo: another program's", echoFilter(vip, 0x1235), echo, false},
		{"echo: another host's", echoFilter(netip.MustParseAddr("10.0.0.1"), 0x1234), echo, false},
		{"echo: not ICMP", echoFilter(vip, 0x1234), spoil(echo, 9, 17), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			machine, err := bpf.NewVM(test.filter)
			if err != nil {
				t.Fatal(err)
			}
			length, err := machine.Run(test.packet)
			if err != nil || (length > 0) != test.keep {
				t.Errorf("kept %d bytes, error %v", length, err)
			}
		})
	}
}

func TestEchoReplyMustBeWhole(t *testing.T) {
	reply := append(sample2.frame()[ethernetHeader:34], echoRequest(1, 70000)...)
	message := reply[ipv4Header:]
	message[0], message[2], message[3] = icmpEchoReply, 0, 0
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	if seq, err := parseEchoReply(reply); err != nil || seq != 70000 {
		t.Fatalf("probe %d, %v", seq, err)
	}
	for i := ipv4Header; i < len(reply); i++ {
		if seq, err := parseEchoReply(spoil(reply, i, reply[i]^1)); err == nil {
			t.Errorf("byte %d corrupted: still an answer to %d", i, seq)
		}
	}
	reply6 := append(sample6.frame()[ethernetHeader:54], echoRequest(1, 70000)...)
	message = reply6[ipv6Header:]
	message[0], message[2], message[3] = icmp6EchoReply, 0, 0
	binary.BigEndian.PutUint16(message[2:],
		checksum(pseudoHeader(sample6.source, group6, unix.IPPROTO_ICMPV6, len(message)), message))
	if seq, err := parseEchoReply(reply6); err != nil || seq != 70000 {
		t.Fatalf("probe %d, %v", seq, err)
	}
	for i := 8; i < len(reply6); i++ {
		if seq, err := parseEchoReply(spoil(reply6, i, reply6[i]^1)); err == nil {
			t.Errorf("IPv6: byte %d corrupted: still an answer to %d", i, seq)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(sample2.frame())
	f.Add(sample3.frame())
	f.Add(sample6.frame())
	f.Add(advertisement([6]byte{2, 0, 0, 0, 0, 1}, vip6, ndOverride))
	f.Add(arpProbe([6]byte{2, 0, 0, 0, 0, 1}, vip))
	f.Fuzz(func(t *testing.T, frame []byte) {
		body, ok := decodeFrame(frame, history.FromHost)
		if ok != (body != nil) && ok {
			t.Errorf("decoded to nothing")
		}
		if advert, is := body.(history.Advert); is && ok && len(advert.VIPs) > 255 {
			t.Errorf("%d addresses", len(advert.VIPs))
		}
	})
}

func FuzzEchoReply(f *testing.F) {
	f.Add(append(sample2.frame()[ethernetHeader:34], echoRequest(1, 2)...))
	f.Fuzz(func(_ *testing.T, packet []byte) { _, _ = parseEchoReply(packet) })
}
