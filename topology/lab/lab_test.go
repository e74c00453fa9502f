package lab_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"takeover/topology"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(map[string]sandbox.Role{"lab-test": inSandbox})
	os.Exit(m.Run())
}

// four is the seed's topology: a client and three nodes on one bridge.
func four() topology.Spec {
	spec := topology.Spec{Name: "four", Segments: []topology.Segment{{Name: "lan"}}}
	for _, h := range []struct{ name, address string }{
		{"client", "10.0.0.10/24"}, {"node1", "10.0.0.101/24"}, {"node2", "10.0.0.102/24"}, {"node3", "10.0.0.103/24"},
	} {
		spec.Hosts = append(spec.Hosts, topology.Host{Name: h.name, Links: []topology.Link{{
			Interface: "eth0", Segment: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix(h.address)},
		}}})
	}
	return spec
}

func inSandbox(args []string) error {
	_, rest, err := sandbox.Enter(args)
	if err != nil {
		return err
	}
	switch rest[0] {
	case "bench":
		for range 50 {
			start := time.Now()
			l, err := lab.Up(four())
			if err != nil {
				return err
			}
			up := time.Since(start)
			for _, h := range l.Spec.Hosts {
				if _, err := l.Host(h.Name).Machine(); err != nil {
					return err
				}
			}
			all := time.Since(start)
			start = time.Now()
			if err := l.Down(); err != nil {
				return err
			}
			fmt.Println(up, all, time.Since(start))
		}
	case "run":
		l, err := lab.Up(four())
		if err != nil {
			return err
		}
		m, err := l.Host("client").Machine()
		if err != nil {
			return err
		}
		p, err := m.Start(sandbox.Command{Name: "sh", Path: "/bin/sh", Args: []string{"sh", "-c", rest[1]}, Output: os.Stdout})
		if err != nil {
			return err
		}
		fmt.Println(p.Status())
		return l.Down()
	}
	return nil
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{Role: "lab-test", Args: args, Dir: t.TempDir(), Output: &out, Errors: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

func TestScratch(t *testing.T) {
	t.Log(run(t, "run", "hostname; ip -br a; ps ax; ls /run /run/takeover/trial; echo $$; ping -c1 -W1 10.0.0.102; ip netns; touch /run/takeover/trial/x; cat /sys/class/net/eth0/address; ls /sys/class/net; mount | grep -c ."))
	out := run(t, "bench")
	t.Log(strings.Join(strings.Split(out, "\n")[30:], "\n"))
}
