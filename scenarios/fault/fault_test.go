package fault_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
)

// example gives a kind what it requires.
var example = map[string]string{
	"process": "nginx", "count": "3", "size": "1400", "path": "/var/lib", "direction": "from",
	"delay": "20ms", "percent": "50", "rate": "10000", "protocol": "vrrp", "offset": "-1h",
}

func exampleOf(t *testing.T, kind fault.Kind) fault.Fault {
	t.Helper()
	var settings []string
	for _, name := range kind.Requires() {
		value := example[name]
		if name == "mode" {
			value = kind.Modes()[0]
		}
		settings = append(settings, name+"="+value)
	}
	f, err := fault.Parse(string(kind), settings...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryKindIsWhole(t *testing.T) {
	seen := map[fault.Kind]bool{}
	for _, kind := range fault.Kinds() {
		f := exampleOf(t, kind)
		if seen[kind] || f.Summary() == "" || f.Undo() == "" || f.Family() == "" {
			t.Errorf("%s is there twice, or lacks its words", kind)
		}
		seen[kind] = true
		if slices.Contains(kind.Takes(), "mode") != (kind.Modes() != nil) {
			t.Errorf("%s has the modes %v and takes %v", kind, kind.Modes(), kind.Takes())
		}
		again, err := fault.Parse(strings.Fields(f.String())[0], strings.Fields(f.String())[1:]...)
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%q is read as %q, %v", f, again, err)
		}
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var read fault.Fault
		if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, f) {
			t.Errorf("%s is read as %v, %v", text, read, err)
		}
		if len(kind.Requires()) > 0 {
			if _, err := fault.Named(string(kind)); err == nil || !strings.Contains(err.Error(), "it needs "+kind.Requires()[0]) {
				t.Errorf("%s without %s: error %v", kind, kind.Requires()[0], err)
			}
		}
	}
	if len(fault.Drill()) != 5 {
		t.Errorf("a drill has %d faults, not 5", len(fault.Drill()))
	}
}

func TestImpossibleFaults(t *testing.T) {
	for text, want := range map[string]string{
		"meteor":                                                      `unknown fault "meteor"; there are nginx-killed`,
		"link-loss probability=0.3":                                   "it takes no probability",
		"traffic-dropped probability=130%":                            "probability 130% is not from 0% to 100%",
		"traffic-dropped probability=-0.1":                            "is not from 0% to 100%",
		"traffic-delayed delay=-5ms":                                  "delay -5ms is negative",
		"traffic-delayed delay=5":                                     `"5" is no duration such as 20ms`,
		"traffic-delayed delay=5ms jitter=6ms":                        "jitter 6ms is above delay 5ms",
		"traffic-dropped every=2 first=3":                             "different choices",
		"traffic-dropped burst_enter=0.1":                             "go together",
		"traffic-dropped every=-1":                                    "every -1 is not from 1",
		"traffic-dropped protocol=tcp:0":                              `protocol "tcp:0" is none of`,
		"traffic-dropped protocol=ospf":                               `protocol "ospf" is none of`,
		"one-way-loss direction=both":                                 "not one way",
		"one-way-loss direction=up":                                   `direction "up" is none of from, to, both`,
		"web-fails mode=sing":                                         `mode "sing" is none of error, refuse`,
		"disk-full path=var":                                          "is not absolute",
		"cpu-quota percent=101":                                       "percent 101 is not from 1 to 100",
		"cpu-hogs count=many":                                         `"many" is no whole number`,
		"link-flaps period=1s down=2s":                                "down 2s is not below period 1s",
		"traffic-dropped colour=red":                                  `unknown parameter "colour"`,
		"traffic-dropped every":                                       `"every" is not KEY=VALUE`,
		"process-killed":                                              "it needs process",
		"traffic-shaped rate=0":                                       "it needs rate",
		"advert-forged priority=256":                                  "priority 256 is not from 0 to 255",
		"advert-forged address=10.0.0":                                "address",
		"traffic-delayed delay=1ms probability=2 every=0 jitter=-1ms": "jitter -1ms is negative",
	} {
		fields := strings.Fields(text)
		if _, err := fault.Parse(fields[0], fields[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v lacks %q", text, err, want)
		}
	}
}

func TestGroupsAndDefaults(t *testing.T) {
	f, err := fault.Parse("partition", "mode=split", "groups=node1,client|node2,node3")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Groups, [][]string{{"node1", "client"}, {"node2", "node3"}}) || f.Protocol != "all" {
		t.Errorf("fault %q", f)
	}
	if f := fault.Of(fault.LinkFlaps); f.Period != fault.Duration(time.Second) || f.Down != fault.Duration(time.Second/2) {
		t.Errorf("fault %q", f)
	}
}

func TestTargets(t *testing.T) {
	situation := fault.Situation{Nodes: []string{"node1", "node2", "node3"}, Active: "node2", Client: "client", Others: []string{"router"}}
	for target, want := range map[fault.Target]string{
		"active": "node2", "backup": "node1", "all": "node1 node2 node3", "client": "client", "router": "router", "node3": "node3",
	} {
		got, err := target.Resolve(situation, rand.New(rand.NewPCG(1, 0)))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s is %v, %v, want %s", target, got, err, want)
		}
	}
	drawn := map[string]bool{}
	for seed := range uint64(50) {
		got, err := fault.TargetMajority.Resolve(situation, rand.New(rand.NewPCG(seed, 0)))
		if err != nil || len(got) != 2 || !slices.IsSorted(got) {
			t.Fatalf("majority is %v, %v", got, err)
		}
		drawn[strings.Join(got, " ")] = true
	}
	if len(drawn) != 3 {
		t.Errorf("the majorities drawn are %v", drawn)
	}
	situation.Active = ""
	for target, want := range map[fault.Target]string{"active": "there is no such host now", "node9": "is no host and none of"} {
		if _, err := target.Resolve(situation, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v lacks %q", target, err, want)
		}
	}
}
