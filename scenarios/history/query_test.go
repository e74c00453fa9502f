package history

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func TestTimersOfTheRFC(t *testing.T) {
	second, centi := time.Second, 10*time.Millisecond
	for _, c := range []struct {
		name     string
		version  int
		interval time.Duration
		advert   Advert
		priority int
		want     time.Duration
	}{
		{"v2", 2, second, Advert{Priority: 100}, 99, 3*second + 157*second/256},
		{"v2: the skew does not depend on the interval", 2, 10 * second, Advert{Priority: 100}, 99, 30*second + 157*second/256},
		{"v2: the advertised interval does not count", 2, second, Advert{Priority: 100, Interval: 5 * second}, 99, 3*second + 157*second/256},
		{"v2: priority 0", 2, 10 * second, Advert{}, 99, 157 * second / 256},
		{"v2: owner", 2, second, Advert{Priority: 100}, 255, 3*second + second/256},
		{"v3: the skew is a part of the interval", 3, 2 * second, Advert{Priority: 100}, 128, 6*second + second},
		{"v3: the advertised interval counts", 3, second, Advert{Priority: 100, Interval: centi}, 128, 3*centi + centi/2},
		{"v3: priority 0", 3, second, Advert{Interval: centi}, 128, centi / 2},
	} {
		cluster := Cluster{Version: c.version, AdvertInterval: c.interval}
		if got := cluster.Timer(c.advert, c.priority); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatKeepsABackupQuiet(t *testing.T) {
	for _, c := range []struct {
		preempt  bool
		advert   Advert
		priority int
		want     bool
	}{
		{true, Advert{Priority: 100}, 99, true},
		{true, Advert{Priority: 99}, 99, true},
		{true, Advert{Priority: 98}, 99, false},
		{false, Advert{Priority: 98}, 99, true},
		{true, Advert{Priority: 0}, 99, true},
		{true, Advert{Priority: 100, Problem: "TTL 1"}, 99, false},
		{true, Advert{Priority: 100, Destination: netip.MustParseAddr("224.0.0.18")}, 99, true},
		{true, Advert{Priority: 100, Destination: netip.MustParseAddr("10.0.0.102")}, 99, true},
		{true, Advert{Priority: 100, Destination: netip.MustParseAddr("10.0.0.103")}, 99, false},
		{true, Advert{Priority: 100, Destination: netip.MustParseAddr("fe80::2")}, 99, true},
	} {
		node := Node{Preempt: c.preempt, Address: netip.MustParseAddr("10.0.0.102"), LinkLocal: netip.MustParseAddr("fe80::2")}
		if got := node.Quiets(c.advert, c.priority); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestWhoSentAnAdvertisement(t *testing.T) {
	global, local := netip.MustParseAddr("fd00::101"), netip.MustParseAddr("fe80::1")
	for _, c := range []struct {
		node   Node
		source netip.Addr
		want   bool
	}{
		{Node{Address: global, LinkLocal: local}, local, true},
		{Node{Address: global, LinkLocal: local}, global, true}, // to unicast peers
		{Node{Address: global, LinkLocal: local}, netip.MustParseAddr("fe80::2"), false},
		{Node{Address: global}, netip.Addr{}, false}, // unreadable
	} {
		if got := c.node.Sent(Advert{Source: c.source}); got != c.want {
			t.Errorf("%+v from %s: %v", c.node, c.source, got)
		}
	}
}

func TestAnnouncementsOfBothFamilies(t *testing.T) {
	vip4, vip6 := netip.MustParseAddr("10.0.0.200"), netip.MustParseAddr("fd00::200")
	for _, c := range []struct {
		body Body
		vip  netip.Addr
		want string
	}{
		{ARP{Direction: FromHost, Gratuitous: true, SenderIP: vip4}, vip4, "gratuitous ARP"},
		{ARP{Direction: ToHost, Gratuitous: true, SenderIP: vip4}, vip4, ""},
		{ARP{Direction: FromHost, SenderIP: vip4}, vip4, ""},
		{NA{Direction: FromHost, Target: vip6}, vip6, "unsolicited Neighbor Advertisement"},
		{NA{Direction: ToHost, Target: vip6}, vip6, ""},
		{NA{Direction: FromHost, Target: vip6, Problem: "checksum"}, vip6, ""},
		{NA{Direction: FromHost, Target: netip.MustParseAddr("fe80::200")}, vip6, ""},
	} {
		if got := announces(c.body, c.vip); got != c.want {
			t.Errorf("%+v: %q", c.body, got)
		}
	}
}

func TestBoundsOfAFault(t *testing.T) {
	const skew, down = 157 * time.Second / 256, 3*time.Second + 157*time.Second/256
	check := CheckScript{Interval: 2 * time.Second, Timeout: 500 * time.Millisecond, Fall: 3}
	weighted := check
	weighted.Weight = -20
	for _, c := range []struct {
		name      string
		detection Detection
		check     *CheckScript
		want      Window
		ok        bool
	}{
		{"silence", DetectSilence, nil, Window{down - 300*time.Millisecond, down - 300*time.Millisecond}, true},
		{"priority 0", DetectPriorityZero, nil, Window{skew, skew}, true},
		{"check", DetectCheck, &check, Window{4*time.Second + skew, 6500*time.Millisecond + skew}, true},
		{"weighted check", DetectCheck, &weighted, Window{3*time.Second + down, 6500*time.Millisecond + down}, true},
		{"check without a script", DetectCheck, nil, Window{}, false},
		{"nothing declared", "", nil, Window{}, false},
	} {
		course := Course{
			Trial: Trial{
				Cluster: Cluster{Version: 2, AdvertInterval: time.Second, Check: c.check, Nodes: []Node{{Name: "node2", Priority: 99}}},
				Expect:  Expectation{Detection: c.detection},
			},
			Fault: &Seen[FaultStart]{Body: FaultStart{Phase: 300 * time.Millisecond}},
		}
		if got, ok := FaultBounds(course, "node2"); got != c.want || ok != c.ok {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
		if _, ok := FaultBounds(course, "nobody"); ok {
			t.Errorf("%s: bounds for nobody", c.name)
		}
	}
}

func TestHoldings(t *testing.T) {
	vip, other := netip.MustParseAddr("10.0.0.200"), netip.MustParseAddr("10.0.0.201")
	address := func(id int, at time.Duration, host string, ip netip.Addr, present bool) Event {
		return Event{ID: id, At: at, Host: host, Body: Address{Prefix: netip.PrefixFrom(ip, 32), Present: present}}
	}
	events := []Event{
		address(1, 2, "node2", vip, true),
		address(2, 3, "node2", vip, true), // again: nothing new
		address(3, 4, "node1", vip, true),
		address(4, 5, "node3", other, true),
		address(5, 6, "node2", vip, false),
		address(6, 6, "node3", vip, true), // at the same moment
		address(7, 7, "node9", vip, false),
		address(8, 20, "node1", vip, false), // after the end
	}
	got := Holdings(events, vip, 10)
	want := []Holding{
		{Window{0, 2}, nil, 0},
		{Window{2, 4}, []string{"node2"}, 1},
		{Window{4, 6}, []string{"node1", "node2"}, 3},
		{Window{6, 10}, []string{"node1", "node3"}, 6},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if at := HoldersAt(got, 4); !reflect.DeepEqual(at, want[2].Hosts) {
		t.Errorf("at 4: %v", at)
	}
	if owner := ownerAt(got, nil, 5); owner != "node1" {
		t.Errorf("the latest of two holders: %s", owner)
	}
}

func TestCombine(t *testing.T) {
	for _, c := range []struct {
		verdicts []Verdict
		want     Verdict
	}{
		{nil, Inconclusive},
		{[]Verdict{Pass, Pass}, Pass},
		{[]Verdict{Pass, Inconclusive}, Inconclusive},
		{[]Verdict{Inconclusive, Fail, Pass}, Fail},
	} {
		if got := Combine(c.verdicts); got != c.want {
			t.Errorf("%v: %s, want %s", c.verdicts, got, c.want)
		}
	}
}
