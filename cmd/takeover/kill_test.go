package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/sandbox"
)

const (
	killRole = "kill-machine"
	// kills are done in waves of drills that run side by side.
	kills, wave = 100, 25
	// A drill of one trial takes about this long when nothing disturbs it.
	drillTakes = 25 * time.Second
	// goneBound is how long a killed drill's sandboxes may be there: the kernel
	// needs milliseconds, but 25 drills share the machine.
	goneBound = 5 * time.Second
	// waveBound is when a wave that is still there has left something behind.
	waveBound = 90 * time.Second
)

// TestKilledDrillLeavesNothing kills the harness at 100 random moments, from
// the first millisecond of a drill to its end, and looks at the machine
// meanwhile and afterwards: 25 drills at a time disturb neither it nor each
// other. The machine is a sandbox itself, so that nothing else runs there
// that could be mistaken for a remainder.
func TestKilledDrillLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel() // the two wait most of the time
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{
		Role: killRole, Args: []string{strconv.FormatUint(seed, 10)}, Dir: t.TempDir(), Output: &out, Errors: &out,
	})
	if errors.Is(err, sandbox.ErrNoPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
}

// killMachine is process 1 of the machine on which drills are killed.
func killMachine(args []string) error {
	_, rest, err := sandbox.Enter(args)
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(rest[0], 10, 64)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	before, err := remainders()
	if err != nil {
		return err
	}
	untouched, err := belongings()
	if err != nil {
		return err
	}
	for first := 0; first < kills; first += wave {
		watched := watchBelongings(untouched)
		if err := errors.Join(killWave(random, first), watched()); err != nil {
			return err
		}
		after, err := remainders()
		if err != nil {
			return err
		}
		// What others take off the machine meanwhile is their business.
		if left := without(after, before); len(left) > 0 {
			return fmt.Errorf("after %d kills there are\n%s", first+wave, strings.Join(left, "\n"))
		}
	}
	fmt.Printf("%d drills killed, nothing left\n", kills)
	return nil
}

// killWave starts drills, kills each at its moment, and reaps until there is
// no process left: those that a killed drill left are ours then.
func killWave(random *rand.Rand, first int) error {
	faults := fault.Drillable()
	killed := make(chan error, wave)
	for i := range wave {
		out := filepath.Join(sandbox.Dir, fmt.Sprintf("drill%d", first+i))
		path, argv := sandbox.RoleCommand(cliRole, "drill", "--fault", faults[random.IntN(len(faults))].Name(),
			"--out", out, "--vipd", os.Getenv(vipdVariable))
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		process, err := os.StartProcess(path, argv, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{null, null, null}})
		_ = null.Close()
		if err != nil {
			return err
		}
		// Half of the moments fall into building up, the rest anywhere.
		moment := time.Duration(random.Float64() * float64(drillTakes))
		if i%2 == 0 {
			moment = time.Duration(math.Pow(2000, random.Float64()) * float64(time.Millisecond))
		}
		time.AfterFunc(moment, func() { killed <- killDrill(process.Pid, out) })
	}
	late := time.AfterFunc(waveBound, func() {
		left, _ := remainders()
		fmt.Fprintf(os.Stderr, "%s after the start of the wave there are still:\n%s\n", waveBound, strings.Join(left, "\n"))
		os.Exit(1)
	})
	defer late.Stop()
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			break
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	var errs []error
	for range wave {
		errs = append(errs, <-killed)
	}
	return errors.Join(errs...)
}

// killDrill kills a drill and wants its sandboxes gone soon: they must not
// just come to their own end.
func killDrill(pid int, out string) error {
	if err := unix.Kill(pid, unix.SIGKILL); errors.Is(err, unix.ESRCH) {
		return nil // it was done already
	}
	var left []string
	for deadline := time.Now().Add(goneBound); time.Now().Before(deadline); {
		if left = namedBy(out + "/"); len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s after the kill there is still %q", goneBound, left)
}

// namedBy lists the command lines of living processes that contain a text.
func namedBy(text string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), text) {
			found = append(found, string(data))
		}
	}
	return found
}

// watchBelongings looks at the machine's own things until the call that it
// returns, which says whether they ever were other than untouched.
func watchBelongings(untouched []string) func() error {
	quit, found := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				found <- nil
				return
			case <-ticker.C:
			}
			now, err := belongings()
			if err == nil {
				if news := without(now, untouched); len(news) > 0 {
					err = fmt.Errorf("while drills run the machine has\n%s", strings.Join(news, "\n"))
				}
			}
			if err != nil {
				found <- err
				return
			}
		}
	}()
	return func() error {
		close(quit)
		return <-found
	}
}

// without returns the things that are not among the others.
func without(things, others []string) []string {
	return slices.DeleteFunc(things, func(thing string) bool { return slices.Contains(others, thing) })
}

// remainders lists everything that a drill could leave on a machine: its
// processes, with their network namespaces, and what touches belongings.
func remainders() ([]string, error) {
	all, err := belongings()
	if err != nil {
		return nil, err
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, process := range processes {
		command, _ := os.ReadFile(process + "/cmdline")
		space, _ := os.Readlink(process + "/ns/net")
		all = append(all, fmt.Sprintf("process %q in %s", command, space))
	}
	return all, nil
}

// belongings lists the machine's own interfaces, nftables, mounts and files in
// /run.
func belongings() ([]string, error) {
	var all []string
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		all = append(all, "link "+link.Name)
	}
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		all = append(all, "nftables table "+table.Name)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	all = append(all, strings.Split(string(mounts), "\n")...)
	for _, pattern := range []string{"/run/*", "/run/netns/*", "/run/takeover/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}
