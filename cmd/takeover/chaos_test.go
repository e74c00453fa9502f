package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/chaos"
	"takeover/scenarios/fault"
	"takeover/scenarios/live"
	"takeover/topology"
	"takeover/topology/file"
)

func shipped(t *testing.T, name string) topology.Spec {
	t.Helper()
	spec, err := file.OpenShipped(name)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestDrawnScenesCanBePlayed: on every topology that ships and has two nodes,
// what is drawn is accepted.
func TestDrawnScenesCanBePlayed(t *testing.T) {
	played := 0
	for _, name := range file.Shipped() {
		spec := shipped(t, name)
		facts, err := chaosFacts(name, spec)
		if len(spec.Hosts) > 100 || err != nil && strings.Contains(err.Error(), "no virtual router") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		played++
		for seed := range uint64(20) {
			s := chaos.Draw(seed, facts, chaos.Options{Kinds: fault.Kinds(), Length: 15 * time.Second, Density: 3, Subject: "vipd"})
			plan := live.ScenePlan{Scene: s, Stand: live.StandPlan{Spec: spec, Subject: "vipd"}, Seed: seed}
			if err := plan.ValidateScene(); err != nil || len(s.Problems()) > 0 {
				t.Fatalf("%s, seed %d: %v %v", name, seed, err, s.Problems())
			}
		}
	}
	if played < 4 {
		t.Errorf("only %d topologies were tried", played)
	}
}

func TestChaosFacts(t *testing.T) {
	for _, c := range []struct {
		topology string
		change   func(*topology.Spec)
		want     chaos.Facts
	}{
		{"failover", nil, chaos.Facts{
			Topology: "failover", Nodes: []string{"node1", "node2", "node3"}, Client: "client", Daemon: "subject",
			Interval: time.Second, Down: 3*time.Second + 158*time.Second/256, Web: true, Script: true, IPv4: true, Best: "node1",
		}},
		{"failover", func(spec *topology.Spec) {
			for i := range spec.Hosts {
				for j := range spec.Hosts[i].Processes {
					p := &spec.Hosts[i].Processes[j]
					p.Config = strings.ReplaceAll(p.Config, "state BACKUP", "state BACKUP\n nopreempt")
				}
				spec.Hosts[i].Processes = slices.DeleteFunc(spec.Hosts[i].Processes, func(p topology.Process) bool { return p.Kind == topology.ProcessNginx })
			}
		}, chaos.Facts{
			Topology: "failover", Nodes: []string{"node1", "node2", "node3"}, Client: "client", Daemon: "subject",
			Interval: time.Second, Down: 3*time.Second + 158*time.Second/256, Script: true, IPv4: true,
		}},
	} {
		spec := shipped(t, c.topology)
		if c.change != nil {
			c.change(&spec)
		}
		got, err := chaosFacts(c.topology, spec)
		if err != nil || !slices.Equal(got.Nodes, c.want.Nodes) {
			t.Fatalf("%v %+v", err, got)
		}
		got.Nodes, c.want.Nodes = nil, nil
		if got.Topology != c.want.Topology || got.Best != c.want.Best || got.Web != c.want.Web || got.Down != c.want.Down ||
			got.Client != c.want.Client || got.Daemon != c.want.Daemon || got.Script != c.want.Script || got.IPv4 != c.want.IPv4 {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
}

// TestInterruptedChaos presses Ctrl-C after the first trial: it ends soon with
// what is known, and leaves nothing.
func TestInterruptedChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it takes 10 seconds")
	}
	out := filepath.Join(t.TempDir(), "run")
	var stdout bytes.Buffer
	command := &exec.Cmd{Path: "/proc/self/exe", Stdout: &stdout, Args: []string{
		"takeover:" + cliRole, "chaos", "--vipd", os.Getenv(vipdVariable), "--faults", "nginx-killed", "--length", "1s",
		"--density", "0.1", "--minutes", "5", "--parallel", "2", "--out", out,
	}}
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { command.Process.Kill() }) //nolint:errcheck // it may have ended
	defer late.Stop()
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		switch {
		case strings.Contains(lines.Text(), "namespaces are not permitted"):
			t.Skip(lines.Text())
		case strings.Contains(lines.Text(), "chaos-") && strings.Count(said.String(), "chaos-") == 1: // a second one kills
			if err := command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	command.Wait() //nolint:errcheck // the exit code is looked at below
	if code := command.ProcessState.ExitCode(); code != exitInconclusive {
		t.Errorf("exit code %d, want %d", code, exitInconclusive)
	}
	for _, want := range []string{" on failover with vipd", "It was interrupted.", "run directory: " + out} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", said.String(), stdout.String())
	}
}
