package live_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/catalog"
	"takeover/scenarios/fault"
	"takeover/scenarios/live"
)

func shipped(t *testing.T) []live.Source {
	t.Helper()
	var sources []live.Source
	for _, file := range catalog.Failover() {
		sources = append(sources, live.Source{Name: file.Name, Text: file.Text})
	}
	return sources
}

func TestShippedClusterIsTheFailoverCluster(t *testing.T) {
	c, err := live.ReadCluster(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	var seats []string
	for _, s := range c.Seats {
		seats = append(seats, s.Name+" "+s.Address.String())
	}
	want := []string{"node1 10.0.0.101/24", "node2 10.0.0.102/24", "node3 10.0.0.103/24"}
	if !slices.Equal(seats, want) || c.Client.String() != "10.0.0.10/24" || c.VIPs[0].String() != "10.0.0.200/32" {
		t.Errorf("seats %v, client %s, VIPs %v", seats, c.Client, c.VIPs)
	}
	if c.Seats[0].Priority != 100 || c.Seats[1].Priority != 99 || c.Seats[2].Priority != 98 || c.VRID != 51 || c.Check == nil {
		t.Errorf("cluster %+v", c)
	}
}

func TestAddressesMakeWayForTheVIP(t *testing.T) {
	sources := shipped(t)
	for i := range sources {
		sources[i].Text = []byte(strings.ReplaceAll(string(sources[i].Text), "10.0.0.200", "192.168.7.102"))
	}
	c, err := live.ReadCluster(sources)
	if err != nil {
		t.Fatal(err)
	}
	if c.Client.String() != "192.168.7.10/24" || c.Seats[1].Address.String() != "192.168.7.103/24" || c.Seats[2].Address.String() != "192.168.7.104/24" {
		t.Errorf("client %s, seats %v", c.Client, c.Seats)
	}
}

func TestClusterSharesItsVirtualRouter(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"virtual_router_id 51", "virtual_router_id 52", "node2.conf:"},
		{"advert_int 1", "advert_int 2", "advert_int 2s differs from 1s in node1.conf"},
		{"10.0.0.200", "10.0.0.201", "virtual_ipaddress [10.0.0.201/32] differs"},
		{"vrrp_instance VI_1", "vrrp_instans VI_1", "node2.conf:"},
	} {
		sources := shipped(t)
		sources[1].Text = []byte(strings.ReplaceAll(string(sources[1].Text), c.from, c.to))
		if _, err := live.ReadCluster(sources); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", c.to, err, c.want)
		}
	}
}

func variant(v catalog.Variant) []live.Source {
	var sources []live.Source
	for _, file := range v.Files() {
		sources = append(sources, live.Source{Name: file.Name, Text: file.Text})
	}
	return sources
}

func TestVariantsOfACluster(t *testing.T) {
	for _, v := range catalog.Variants() {
		c, err := live.ReadCluster(variant(v))
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		client, seat, vip, interval := "10.0.0.10/24", "10.0.0.102/24", "10.0.0.200/32", time.Second
		if v.Version == 3 {
			interval = 100 * time.Millisecond
		}
		if v.IPv6 {
			client, vip, seat = "fd00::10/64", "fd00::200/128", "fd00::102/64"
		}
		if c.Version != v.Version || c.Interval != interval || c.AnnounceDelay != time.Second {
			t.Errorf("%s: version %d, %s, announced again after %s", v, c.Version, c.Interval, c.AnnounceDelay)
		}
		if c.Client.String() != client || c.Seats[1].Address.String() != seat || c.VIPs[0].String() != vip {
			t.Errorf("%s: client %s, seats %v, VIPs %v", v, c.Client, c.Seats, c.VIPs)
		}
	}
}

func TestAddressesThatPeersWant(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"    unicast_src_ip 10.0.0.102\n", "", "node2.conf:6: unicast_peer without unicast_src_ip"},
		{"unicast_src_ip 10.0.0.102", "unicast_src_ip 10.0.1.102", "the node's address 10.0.1.102 is not in one /24 with 10.0.0.200"},
	} {
		sources := variant(catalog.Variant{Version: 3, Unicast: true})
		sources[1].Text = []byte(strings.ReplaceAll(string(sources[1].Text), c.from, c.to))
		if _, err := live.ReadCluster(sources); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", c.to, err, c.want)
		}
	}
	sources := variant(catalog.Variant{Version: 3})
	sources[2].Text = []byte(strings.ReplaceAll(string(sources[2].Text), "    priority 100\n", "    priority 100\n    use_vmac\n"))
	if _, err := live.ReadCluster(sources); err == nil || !strings.Contains(err.Error(), "node3.conf:6: use_vmac") {
		t.Errorf("error %v lacks use_vmac", err)
	}
	sources = variant(catalog.Variant{Version: 3, Unicast: true})
	for i := range sources {
		sources[i].Text = []byte(strings.ReplaceAll(string(sources[i].Text), "10.0.0.101", "10.0.0.10"))
	}
	c, err := live.ReadCluster(sources)
	if err != nil || c.Seats[0].Address.String() != "10.0.0.10/24" || c.Client.String() != "10.0.0.11/24" {
		t.Errorf("the client does not make way: %s, %v, %v", c.Client, c.Seats, err)
	}
}

func TestSubjectsOfSeats(t *testing.T) {
	c, err := live.ReadCluster(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]string{
		"keepalived":                "",
		"vipd+keepalived+vipd":      "",
		"vipd+keepalived":           `subject "vipd+keepalived": 2 for 3 nodes`,
		"vipd+keepalived+vipd+vipd": "4 for 3 nodes",
		"vipd+corosync+vipd":        `unknown subject "corosync"`,
		"vipd++vipd":                `unknown subject ""`,
	} {
		err := live.Plan{Fault: "link-loss", Subject: subject, Cluster: c}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", subject, err, want)
		}
	}
}

func TestFRRTakesOneSeatOfItsKind(t *testing.T) {
	for _, c := range []struct {
		variant       catalog.Variant
		subject, want string
	}{
		{catalog.Variant{Version: 3}, "vipd+frr+keepalived", ""},
		{catalog.Variant{Version: 3}, "frr", "in one seat only"},
		{catalog.Variant{Version: 2}, "vipd+frr+keepalived", "only in version 3"},
		{catalog.Variant{Version: 3, Unicast: true}, "vipd+frr+keepalived", "no unicast peers"},
		{catalog.Variant{Version: 3, IPv6: true}, "vipd+frr+keepalived", "one IPv4 address"},
	} {
		cluster, err := live.ReadCluster(variant(c.variant))
		if err != nil {
			t.Fatal(err)
		}
		err = live.Plan{Fault: "link-loss", Subject: c.subject, Cluster: cluster}.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: error %v, want %q", c.variant, c.subject, err, c.want)
		}
	}
}

// TestPhasesAreStratified: each of n runs has its own n-th of the interval,
// both subjects the same, and the seed decides.
func TestPhasesAreStratified(t *testing.T) {
	c := live.Campaign{Subjects: []string{"vipd", "keepalived"}, Faults: []fault.Fault{fault.Of(fault.LinkLoss)}, Runs: 8, Seed: 3}
	phases := map[string][]float64{}
	for _, e := range c.Entries() {
		phases[e.Plan.Subject] = append(phases[e.Plan.Subject], e.Plan.PhaseFraction)
	}
	if !slices.Equal(phases["vipd"], phases["keepalived"]) {
		t.Errorf("the subjects' phases differ: %v", phases)
	}
	sorted := slices.Sorted(slices.Values(phases["vipd"]))
	for i, phase := range sorted {
		if phase < float64(i)/8 || phase >= float64(i+1)/8 {
			t.Errorf("phase %g is not in part %d of 8", phase, i)
		}
	}
	if slices.Equal(sorted, phases["vipd"]) {
		t.Error("the phases come in order")
	}
	c.Seed = 4
	if c.Entries()[0].Plan.PhaseFraction == phases["vipd"][0] {
		t.Error("another seed gives the same phases")
	}
}
