package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	roles := Roles()
	roles[faultsRole] = runFaults
	sandbox.Main(roles)
	os.Exit(m.Run())
}

// faultsRole strikes one lab with everything there is.
const faultsRole = "faults-test"

// fastNode is a node whose cluster settles soon.
const fastNode = `
vrrp_script check {
    script "/usr/bin/timeout 1 /bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/80'"
    interval 1
    timeout 1
    fall 1
    rise 1
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    version 3
    priority %d
    advert_int 0.2
    virtual_ipaddress {
        10.0.0.200
    }
    track_script {
        check
    }
}
`

func fastCluster(t *testing.T) Cluster {
	t.Helper()
	var sources []Source
	for n := range 3 {
		sources = append(sources, Source{fmt.Sprintf("node%d.conf", n+1), fmt.Appendf(nil, fastNode, 240-60*n)})
	}
	cluster, err := ReadCluster(sources)
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

// TestLiveFaults: every fault has its effect, seen from outside; its undo
// restores the exact state before; it works after everything in the target has
// died, and in any order with others.
func TestLiveFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it takes a minute")
	}
	vipd := filepath.Join(t.TempDir(), "vipd")
	if out, err := exec.Command("go", "build", "-o", vipd, "takeover/cmd/vipd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	programs, err := FindPrograms(vipd, "")
	if err != nil {
		t.Fatal(err)
	}
	plan := StandPlan{Spec: fastCluster(t).Spec("faults"), Subject: "vipd", Programs: programs}
	for _, part := range []string{"effects", "deaths", "overlaps"} {
		t.Run(part, func(t *testing.T) {
			input, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			directory := t.TempDir()
			box, err := sandbox.Start(sandbox.Options{
				Role: faultsRole, Args: []string{part}, Dir: directory, Input: bytes.NewReader(input), Output: &out, Errors: &out,
			})
			if errors.Is(err, sandbox.ErrNoPermission) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), faultsBound)
			defer cancel()
			if err := box.Wait(ctx); err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
			struck := judgeFaults(t, out.String())
			for _, name := range fault.Names() {
				if part != "overlaps" && !struck[name] && !notBuilt[fault.Kind(name)] {
					t.Errorf("%s was not tried", name)
				}
			}
		})
	}
}

// faultsBound is for all faults of a part.
const faultsBound = 4 * time.Minute

// judgeFaults returns which kinds were tried.
func judgeFaults(t *testing.T, out string) (struck map[string]bool) {
	t.Helper()
	struck = map[string]bool{}
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		verdict, rest, _ := strings.Cut(lines.Text(), " ")
		switch verdict {
		case "ok":
			name, _, _ := strings.Cut(rest, " ")
			struck[name] = true
			t.Log(rest)
		case "FAIL":
			t.Error(rest)
		default:
			t.Log(lines.Text())
		}
	}
	return struck
}

// notBuilt are the faults that need a machine of their own.
var notBuilt = map[fault.Kind]bool{fault.ClockStepped: true}

// runFaults is process 1 of the sandbox.
func runFaults(args []string) error {
	ctx, rest, err := sandbox.Enter(args)
	if err != nil {
		return err
	}
	var plan StandPlan
	if err := json.NewDecoder(os.Stdin).Decode(&plan); err != nil {
		return err
	}
	s, err := newStand(plan, probe.NewClock(), history.NewLog(nil))
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.observe(); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.start(); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.settle(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	s.beSettled()
	switch rest[0] {
	case "deaths":
		strikeTheDying(ctx, s)
	case "overlaps":
		strikeOverlapping(ctx, s)
	default:
		strikeAll(ctx, s)
	}
	return s.Close()
}

// comesAbout is how long something may take to come about.
const comesAbout = 15 * time.Second

// await waits for a condition that nothing in the history may tell of.
func await(ctx context.Context, condition func() bool) bool {
	for deadline := time.Now().Add(comesAbout); !condition(); {
		if time.Now().After(deadline) || !passes(ctx, 5*time.Millisecond) {
			return false
		}
	}
	return true
}

// strikeAll applies each fault, waits for its effect, undoes it, and compares.
func strikeAll(ctx context.Context, s *Stand) {
	v := &viewer{Stand: s}
	before := v.snapshot(ctx)
	for _, test := range strikes {
		took := time.Now()
		text := fmt.Sprintf("%s on %s", test.fault, test.host)
		f, err := parseFault(test.fault)
		if err != nil {
			fmt.Printf("FAIL %s: %v\n", text, err)
			continue
		}
		v.remember(test.host)
		force, err := s.Apply(ctx, f, test.host)
		if err != nil {
			fmt.Printf("FAIL %s: %v\n", text, err)
			continue
		}
		seen := await(ctx, func() bool { return test.effect(v) })
		if err := s.Clear(ctx, force.ID); err != nil {
			fmt.Printf("FAIL %s: %v\n", text, err)
			continue
		}
		after := ""
		restored := await(ctx, func() bool { after = v.snapshot(ctx); return after == before })
		switch {
		case !seen:
			fmt.Printf("FAIL %s: no effect\n", text)
		case !restored:
			fmt.Printf("FAIL %s: %s\n", text, difference(before, after))
			fmt.Println(s.Diagnosis())
		default:
			fmt.Printf("ok %s %s\n", text, time.Since(took).Round(time.Millisecond))
		}
	}
}

// strikeTheDying undoes each fault after all processes of its host were killed.
func strikeTheDying(ctx context.Context, s *Stand) {
	v := &viewer{Stand: s}
	before := v.snapshot(ctx)
	for _, test := range strikes {
		text := fmt.Sprintf("%s on a dead %s", test.fault, test.host)
		f, err := parseFault(test.fault)
		if err != nil {
			fmt.Printf("FAIL %s: %v\n", text, err)
			continue
		}
		force, err := s.Apply(ctx, f, test.host)
		if err != nil && strings.Contains(err.Error(), "it does not have") {
			continue // the address has not come back yet
		}
		if err == nil {
			err = errors.Join(die(s, test.host), s.Clear(ctx, force.ID))
		}
		if err == nil {
			err = errors.Join(s.lab.Host(test.host).Reset(), s.startAgain(s.servicesOf(test.host)))
		}
		after := ""
		switch {
		case err != nil:
			fmt.Printf("FAIL %s: %v\n", text, err)
		case !await(ctx, func() bool { after = v.snapshot(ctx); return after == before }):
			fmt.Printf("FAIL %s: %s\n", text, difference(before, after))
		default:
			fmt.Printf("ok %s\n", text)
		}
	}
}

// die ends all processes of a host.
func die(s *Stand, host string) error {
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return err
	}
	for _, v := range s.servicesOf(host) {
		v.expect()
	}
	killed, err := machine.KillAll(everything)
	return errors.Join(err, awaitDead(killed))
}

func parseFault(text string) (fault.Fault, error) {
	words := strings.Fields(text)
	return fault.Parse(words[0], words[1:]...)
}

// difference are the lines that only one of both has.
func difference(before, after string) string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	var all []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			all = append(all, "missing "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			all = append(all, "new "+line)
		}
	}
	return strings.Join(all, "; ")
}

func TestPart(t *testing.T) {
	hosts := []string{"client", "node1", "node2", "node3"}
	for _, test := range []struct {
		mode, host string
		groups     [][]string
		want       string
	}{
		{"isolate", "node1", nil, "node1>client client>node1 node1>node2 node2>node1 node1>node3 node3>node1"},
		{"split", "node1", [][]string{{"client", "node1"}, {"node2", "node3"}}, "client>node2 node2>client client>node3 node3>client node1>node2 node2>node1 node1>node3 node3>node1"},
		{"split", "node3", nil, "node3>client client>node3 node3>node1 node1>node3 node3>node2 node2>node3"},
		{"one-way", "node3", nil, "node3>client node3>node1 node3>node2"},
		{"ring", "client", nil, "client>node2 node1>node3 node2>client node3>node1"},
		{"bridge", "client", nil, "node1>node2 node2>node1 node1>node3 node3>node1"},
	} {
		pairs, err := part(test.mode, test.host, hosts, test.groups)
		if err != nil {
			t.Errorf("%s: %v", test.mode, err)
		}
		var got []string
		for _, pair := range pairs {
			got = append(got, pair[0]+">"+pair[1])
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s on %s: %s", test.mode, test.host, text)
		}
	}
	if _, err := part("split", "node1", hosts, [][]string{hosts}); err == nil {
		t.Error("one group is no partition")
	}
	for _, groups := range []string{"node1|node9", "node1|node1"} {
		f, err := fault.Parse("partition", "mode=split", "groups="+groups)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := groupsOf(f, hosts); err == nil {
			t.Errorf("groups %s are taken", groups)
		}
	}
}
