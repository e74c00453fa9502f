package lab_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"takeover/topology"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(map[string]sandbox.Role{"lab-test": inSandbox, "lab-outside": outside})
	os.Exit(m.Run())
}

// four is the failover cluster's topology: a client and three nodes.
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

// parts are what the tests do inside a sandbox; each prints what it saw.
var parts = map[string]func(*lab.Lab) error{
	"shell":   func(l *lab.Lab) error { return shell(l, "client", os.Getenv("SCRIPT")) },
	"carrier": carrier,
	"kill":    kill,
	"names":   names,
	"stay":    stay,
}

func inSandbox(args []string) error {
	_, rest, err := sandbox.Enter(args)
	if err != nil {
		return err
	}
	switch rest[0] {
	case "bench":
		return bench(rest[1:])
	case "wide":
		return wide()
	}
	l, err := lab.Up(four())
	if err != nil {
		return err
	}
	return errors.Join(parts[rest[0]](l), l.Down(), nothingLeft())
}

// nothingLeft wants no namespace to be named or open, but the sandbox's own.
func nothingLeft() error {
	names, err := filepath.Glob("/run/netns/*")
	if err != nil {
		return err
	}
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return err
	}
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil && strings.HasPrefix(target, "net:") {
			names = append(names, target)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("after the lab there is still %v", names)
	}
	return nil
}

func shell(l *lab.Lab, host, script string) error {
	machine, err := l.Host(host).Machine()
	if err != nil {
		return err
	}
	process, err := machine.Start(sandbox.Command{
		Name: "sh", Path: "/bin/bash", Args: []string{"bash", "-c", script},
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Output: os.Stdout,
	})
	if err != nil {
		return err
	}
	fmt.Println(process.Status())
	return nil
}

func carrier(l *lab.Lab) error {
	const show = "cat /sys/class/net/eth0/carrier"
	port := l.Host("node1").Links[0].Port
	return errors.Join(
		shell(l, "node1", show),
		l.SetPort(port, false), shell(l, "node1", show),
		l.SetPort(port, true), shell(l, "node1", show),
	)
}

// kill ends a family of processes that would start each other again.
func kill(l *lab.Lab) error {
	machine, err := l.Host("node1").Machine()
	if err != nil {
		return err
	}
	process, err := machine.Start(sandbox.Command{
		Name: "family", Path: "/bin/bash", Output: os.Stdout,
		Args: []string{"bash", "-c", "while :; do bash -c 'echo born; read -t 100 < <(exec tail -f /dev/null)'; echo died; done"},
	})
	if err != nil {
		return err
	}
	isFamily := func(info sandbox.Info) bool { return info.Name == "bash" || info.Name == "tail" }
	var before []sandbox.Info
	for deadline := time.Now().Add(10 * time.Second); len(before) < 3 && time.Now().Before(deadline); {
		if before, err = machine.Processes(); err != nil {
			return err
		}
	}
	killed, err := machine.KillAll(isFamily)
	if err != nil {
		return err
	}
	fmt.Println("killed", len(killed) >= 3, process.Status())
	return nil
}

// names shows which namespaces ip(8) knows outside of the hosts.
func names(*lab.Lab) error {
	path, err := exec.LookPath("ip")
	if err != nil {
		path = "/usr/sbin/ip"
	}
	out, err := exec.Command(path, "netns").CombinedOutput()
	fmt.Print(string(out))
	out, execErr := exec.Command(path, "netns", "exec", "node2", path, "-br", "address", "show", "eth0").CombinedOutput()
	fmt.Print(string(out))
	return errors.Join(err, execErr)
}

// stay starts a process in a host, says that all stands, and waits for ever.
func stay(l *lab.Lab) error {
	machine, err := l.Host("node3").Machine()
	if err != nil {
		return err
	}
	if _, err := machine.Start(sandbox.Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"sleep", "1000"}}); err != nil {
		return err
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	fmt.Println(space)
	<-make(chan struct{})
	return err
}

// outside is a program that starts a sandbox and is killed by the test.
func outside([]string) error {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	box, err := sandbox.Start(sandbox.Options{
		Role: "lab-test", Args: []string{"stay"}, Dir: directory, Output: os.Stdout, Errors: os.Stderr,
	})
	if err != nil {
		return err
	}
	<-box.Done()
	return errors.New("the sandbox ended")
}

func start(t *testing.T, directory string, out *bytes.Buffer, args ...string) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.Start(sandbox.Options{Role: "lab-test", Args: args, Dir: directory, Output: out, Errors: out})
	if errors.Is(err, sandbox.ErrNoPermission) {
		t.Skipf("this user may not make namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := start(t, t.TempDir(), &out, args...).Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

func TestHostIsAMachineOfItsOwn(t *testing.T) {
	t.Setenv("SCRIPT", `hostname; ip -br address show eth0 | awk '{print $3}'; ls /run; for p in /proc/[0-9]*; do echo -n p; done; echo
		exec 3<>/dev/tcp/10.0.0.102/9`)
	out := run(t, "shell")
	for _, want := range []string{
		"client\n", "10.0.0.10/24\n", "takeover\n",
		"ppp\n",              // init, bash, and the shell's own subshell or ls
		"Connection refused", // so IP gets through to node2
	} {
		if want == "ppp\n" {
			if !strings.Contains(out, "\npp\n") && !strings.Contains(out, "\nppp\n") {
				t.Errorf("the host shows other processes than its own:\n%s", out)
			}
			continue
		}
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}

// TestInitIsSmallAndReapsOrphans: process 1 of a host is there for that alone.
func TestInitIsSmallAndReapsOrphans(t *testing.T) {
	t.Setenv("SCRIPT", `for i in 1 2 3 4 5; do (/bin/true &); done
		for i in $(seq 10000); do left=$(grep -l "^Name:.true" /proc/[0-9]*/status); [ -z "$left" ] && break; done 2>/dev/null
		echo left: $left; grep -E "^(Name|Threads)" /proc/1/status; tr '\0' ' ' </proc/1/cmdline; echo
		kill -TERM 1; kill -KILL 1; echo alive`)
	want := "left:\nName:\tinit\nThreads:\t1\ntakeover:init client \nalive\nexit status 0\n"
	if got := run(t, "shell"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestIPv6AddressesAreOfUseAtOnce: an address is tentative until a worker of the
// kernel has seen that there is nothing to ask.
func TestIPv6AddressesAreOfUseAtOnce(t *testing.T) {
	t.Setenv("SCRIPT", `ip address add fd00::1/64 dev eth0
		for i in $(seq 1000); do left=$(ip -6 -o address show dev eth0 tentative); [ -z "$left" ] && break; done; echo left: $left
		ip -6 -o address show dev eth0 | grep -o "inet6 [^ ]*"; awk '/Icmp6OutNeighborSolicits/ {print "asked", $2}' /proc/net/snmp6`)
	want := "left:\ninet6 fd00::1/64\ninet6 fe80::ff:fe00:1/64\nasked 0\nexit status 0\n"
	if got := run(t, "shell"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSharedDirectoryIsSeenInHosts(t *testing.T) {
	t.Setenv("SCRIPT", "echo hello > "+sandbox.Dir+"/file")
	directory := t.TempDir()
	var out bytes.Buffer
	if err := start(t, directory, &out, "shell").Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if data, err := os.ReadFile(filepath.Join(directory, "file")); string(data) != "hello\n" {
		t.Errorf("the host's file reads %q, %v; output:\n%s", data, err, out.String())
	}
}

// TestDaemonsMaySetTheirGroups: as root they can, and in a user namespace that
// denies it nothing tells them so.
func TestDaemonsMaySetTheirGroups(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("setpriv is not installed")
	}
	t.Setenv("SCRIPT", "setpriv --clear-groups echo went on")
	if out := run(t, "shell"); !strings.Contains(out, "went on") {
		t.Error(out)
	}
}

func TestPortDownTakesTheCarrierAway(t *testing.T) {
	out := strings.ReplaceAll(run(t, "carrier"), "exit status 0\n", "")
	if out != "1\n0\n1\n" {
		t.Errorf("carrier up, down, up reads %q", out)
	}
}

func TestKillAllGivesNobodyTimeToReact(t *testing.T) {
	out := run(t, "kill")
	if strings.Contains(out, "died") || !strings.Contains(out, "killed true signal: killed") {
		t.Errorf("a process saw another's end, or was not killed:\n%s", out)
	}
}

func TestHostsAreNamedNetworkNamespaces(t *testing.T) {
	out := run(t, "names")
	for _, want := range []string{"client", "node1", "node2", "node3", "switch", "10.0.0.102/24"} {
		if !strings.Contains(out, want) {
			t.Errorf("ip netns lacks %q:\n%s", want, out)
		}
	}
}

// TestNothingOutlivesAKilledHarness kills the program that started a sandbox
// and waits until no process is left in the sandbox's PID namespace.
func TestNothingOutlivesAKilledHarness(t *testing.T) {
	path, argv := sandbox.RoleCommand("lab-outside")
	var stderr bytes.Buffer
	command := &exec.Cmd{Path: path, Args: argv, Stderr: &stderr, Env: append(os.Environ(), "TMPDIR="+t.TempDir())}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, err := stdout.Read(line)
	if err != nil {
		command.Wait() //nolint:errcheck // its words are what matters
		if strings.Contains(stderr.String(), sandbox.ErrNoPermission.Error()) {
			t.Skip(stderr.String())
		}
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	space := strings.TrimSpace(string(line[:n]))
	if len(inPIDNamespace(space)) == 0 {
		t.Fatalf("no process in %s before the kill", space)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	command.Wait() //nolint:errcheck // it was killed
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if left = inPIDNamespace(space); len(left) == 0 {
			return
		}
	}
	t.Errorf("10 s after the kill there are still %v", left)
}

func inPIDNamespace(space string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid_for_children")
	return slices.DeleteFunc(links, func(link string) bool {
		text, err := os.Readlink(link)
		return err != nil || text != space
	})
}

// TestOrdinaryUserHasLabsToo runs all other tests as nobody.
func TestOrdinaryUserHasLabsToo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this user is an ordinary one already")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: nobody may not look into its parents.
	home, err := os.MkdirTemp("/tmp", "takeover-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) }) //nolint:errcheck // best effort
	copied := filepath.Join(home, "lab.test")
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(copied, data, 0o755), os.Chmod(home, 0o777)); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(copied, "-test.skip", "OrdinaryUser", "-test.v")
	command.Dir, command.Env = home, []string{"PATH=/usr/bin:/bin", "TMPDIR=" + home, "HOME=" + home}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("as nobody:\n%s", out)
	}
}
