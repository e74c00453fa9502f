package live_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"takeover/scenarios/live"
	"takeover/topology"
	"takeover/topology/file"
)

func openShipped(t *testing.T, name string) topology.Spec {
	t.Helper()
	spec, err := file.OpenShipped(name)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// installed are programs that are all there, if anything asks for them.
func installed() live.Programs {
	return live.Programs{VIPD: "/bin/true", Keepalived: "/bin/true", Nginx: "/bin/true"}
}

func TestVirtualRoutersOfTheShippedTopologies(t *testing.T) {
	for name, want := range map[string]string{
		"failover":    "lan 51 10.0.0.200/32 node1=100 node2=99 node3=98 from 10.0.0.10/24",
		"big":         "lan 51 10.0.0.200/32 node1=100 node2=99 node3=98 from 10.0.0.10/16",
		"two-subnets": "",
		"two-routers": "lan 1 10.0.0.1/24 router1=200 router2=100 from 10.0.0.10/24; " +
			"wan 2 192.168.1.1/24 router1=200 router2=100 from invalid Prefix",
		"dual-lan": "front 10 10.0.0.200/32 node1=200 node2=100 from 10.0.0.10/24; " +
			"back 20 10.1.0.200/32 node1=200 node2=100 from 10.1.0.10/24",
		"ipv6": "lan 51 fd00::200/128 node1=250 node2=200 node3=150 from fd00::10/64",
	} {
		clusters, err := live.ReadTopology(openShipped(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, c := range clusters {
			text := fmt.Sprintf("%s %d %s", c.Segment, c.VRID, c.VIPs[0])
			for _, seat := range c.Seats {
				text += fmt.Sprintf(" %s=%d", seat.Name, seat.Priority)
			}
			got = append(got, fmt.Sprintf("%s from %s", text, c.Client))
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%s has %q, want %q", name, text, want)
		}
	}
}

// TestDrillsClusterIsATopology: the Spec of a drill's cluster is read as the
// same cluster.
func TestDrillsClusterIsATopology(t *testing.T) {
	c, err := live.ReadCluster(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	read, err := live.ReadTopology(c.Spec("failover"))
	if err != nil || len(read) != 1 {
		t.Fatalf("%d clusters, error %v", len(read), err)
	}
	if fmt.Sprint(read[0].Seats, read[0].VIPs, read[0].Client) != fmt.Sprint(c.Seats, c.VIPs, c.Client) {
		t.Errorf("it is read as\n%v, not\n%v", read[0], c)
	}
}

func TestConfigurationsThatDoNotFitTheTopology(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		spoil    func(*topology.Host)
		want     string
	}{
		"faulty":           {from: "advert_int 1", to: "advert_intt 1", want: `node2.conf:22: unknown keyword "advert_intt"`},
		"other interface":  {from: "interface eth0", to: "interface eth7", want: "host node2 has no interface eth7"},
		"outside":          {from: "10.0.0.200", to: "10.9.0.200", want: "node2.conf:28: virtual address 10.9.0.200 is outside of segment lan of node2/eth0, which has [10.0.0.0/24]"},
		"on another":       {from: "10.0.0.200", to: "10.0.0.200 dev eth3", want: "node2.conf:28: host node2 has no interface eth3"},
		"another's source": {from: "advert_int 1", to: "mcast_src_ip 10.0.0.101", want: "host node2 has no address 10.0.0.101 to send from"},
		"not installed": {
			spoil: func(h *topology.Host) {
				h.Processes = append(h.Processes, topology.Process{Kind: topology.ProcessCommand, Name: "agent", Command: []string{"no-such-program"}})
			},
			want: "host node2: process agent: no-such-program: not installed",
		},
		"twice": {
			spoil: func(h *topology.Host) {
				h.Processes = append(h.Processes, topology.Process{Kind: topology.ProcessCommand, Name: "vipd", Command: []string{"true"}})
			},
			want: "host node2: process vipd: there are two of that name",
		},
		"frr as a subject": {
			spoil: func(h *topology.Host) { h.Processes[1].Kind = topology.ProcessFRR },
			want:  "subject frr: not installed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec := openShipped(t, "failover")
			node2 := slices.IndexFunc(spec.Hosts, func(h topology.Host) bool { return h.Name == "node2" })
			if c.spoil != nil {
				c.spoil(&spec.Hosts[node2])
			}
			process := &spec.Hosts[node2].Processes[1]
			process.Config = strings.ReplaceAll(process.Config, c.from, c.to)
			err := live.StandPlan{Spec: spec, Subject: "vipd", Programs: installed()}.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v lacks %q", err, c.want)
			}
		})
	}
}

func TestProgramsOfATopologyAreThere(t *testing.T) {
	plan := live.StandPlan{Spec: openShipped(t, "failover"), Subject: "vipd", Programs: installed()}
	if err := plan.Validate(); err != nil {
		t.Error(err)
	}
	plan.Subject = "keepalived+vipd+keepalived"
	if err := plan.Validate(); err != nil {
		t.Error(err)
	}
	plan.Programs.VIPD = ""
	if err := plan.Validate(); !errors.Is(err, live.ErrNotInstalled) || !strings.Contains(err.Error(), "host node2: process vipd: subject vipd: not installed") {
		t.Errorf("error %v", err)
	}
	plan.Subject = "keepalived+vipd"
	if err := plan.Validate(); err == nil || !strings.Contains(err.Error(), "2 for 3 nodes") {
		t.Errorf("error %v", err)
	}
}
