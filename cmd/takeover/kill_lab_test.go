package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/live/control"
	"takeover/scenarios/live/labs"
	"takeover/topology/sandbox"
)

const (
	killLabRole = "kill-lab-machine"
	// labKills are done in waves of labs that stand side by side: of each the
	// program that brings it up is killed, or its holder.
	labKills, labWave = 200, 20
	// A lab comes up in about this long beside others.
	labTakes = 6 * time.Second
	// standsBound is how long one may take to be up, or to be struck, on a machine
	// that is busy with all of them.
	standsBound = 20 * time.Second
)

// killFaults are in force, two at a time, when a holder is killed: of each kind
// that has something of its own on the machine.
var killFaults = []string{
	"link-loss", "link-flaps", "partition mode=isolate", "traffic-dropped protocol=arp probability=50%", "mac-moved",
	"interface-removed after=1h", "interface-promiscuous", "netlink-overrun count=100", "disk-full path=/tmp",
	"cpu-hogs count=1", "cpu-quota percent=50", "host-frozen", "daemon-paused", "memory-limited size=1000000",
	"process-paused process=nginx", "clock-offset offset=1h",
}

// TestKilledLabLeavesNothing kills what brings labs up and what holds them at
// 200 random moments, with faults in force, and looks at the machine afterwards.
// The machine is a sandbox itself: see TestKilledDrillLeavesNothing.
func TestKilledLabLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel() // the two wait most of the time
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{
		Role: killLabRole, Args: []string{strconv.FormatUint(seed, 10)}, Dir: t.TempDir(), Output: &out, Errors: &out,
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

// killLabMachine is process 1 of the machine on which labs are killed.
func killLabMachine(args []string) error {
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
	home := filepath.Join(sandbox.Dir, "labs")
	holders, faults := 0, 0
	for first := 0; first < labKills; first += labWave {
		watched := watchBelongings(untouched)
		killed, inForce, err := killLabWave(random, home, first)
		if err := errors.Join(err, watched()); err != nil {
			return err
		}
		holders += killed
		faults += inForce
		after, err := remainders()
		if err != nil {
			return err
		}
		if left := without(after, before); len(left) > 0 {
			return fmt.Errorf("after %d kills there are\n%s", first+labWave, strings.Join(left, "\n"))
		}
	}
	if _, err := labs.Collect(home); err != nil {
		return err
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		return fmt.Errorf("gc left %v, error %w", left, err)
	}
	fmt.Printf("%d labs killed, %d of them by their holder with %d faults in force, nothing left\n", labKills, holders, faults)
	if faults < holders {
		return errors.New("too few faults were in force")
	}
	return nil
}

// killLabWave brings labs up and kills each at its moment, and reaps until
// there is no process left.
func killLabWave(random *rand.Rand, home string, first int) (holders, faults int, err error) {
	type end struct {
		holder bool
		faults int
		err    error
	}
	ends := make(chan end, labWave)
	for i := range labWave {
		name := fmt.Sprintf("lab%d", first+i)
		path, argv := sandbox.RoleCommand(cliRole, "up", "ipv6", "--name", name, "--dir", home, "--vipd", os.Getenv(vipdVariable))
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return 0, 0, err
		}
		process, err := os.StartProcess(path, argv, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{null, null, null}})
		_ = null.Close()
		if err != nil {
			return 0, 0, err
		}
		// Half of them are killed while they come up, by the program that does it.
		moment, later := labTakes, time.Duration(random.Float64()*float64(2*time.Second))
		if i%2 == 0 {
			moment = time.Duration(random.Float64() * float64(labTakes))
		}
		strikes := random.Perm(len(killFaults))[:2]
		time.AfterFunc(moment, func() {
			holder, faults, err := killLab(process.Pid, home, name, strikes, later)
			ends <- end{holder, faults, err}
		})
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
			return 0, 0, err
		}
	}
	var errs []error
	for range labWave {
		e := <-ends
		errs = append(errs, e.err)
		faults += e.faults
		if e.holder {
			holders++
		}
	}
	return holders, faults, errors.Join(errs...)
}

// killLab kills the program that brings a lab up. A lab that stands all the same
// is struck, and its holder is killed a while later. Everything has to be gone
// soon.
func killLab(pid int, home, name string, strikes []int, later time.Duration) (holder bool, faults int, err error) {
	unix.Kill(pid, unix.SIGKILL) //nolint:errcheck // it may be done
	directory := filepath.Join(home, name)
	var left []string
	for deadline := time.Now().Add(standsBound); time.Now().Before(deadline); {
		if left = namedBy(directory + "\x00"); len(left) == 0 {
			return holder, faults, nil
		}
		if holder {
			continue
		}
		if holder, faults = killStanding(home, name, strikes, later); holder {
			deadline = time.Now().Add(goneBound)
		}
	}
	return holder, faults, fmt.Errorf("after the kill there is still %q", left)
}

// killStanding kills the holder of a lab that stands, with the faults in force
// that could be applied: one may be refused beside another. It does nothing when
// the lab is not there yet or no more.
func killStanding(home, name string, strikes []int, later time.Duration) (killed bool, faults int) {
	lab, err := labs.Open(home, name)
	if err != nil || !lab.Alive || lab.Record.Sandbox == 0 {
		return false, 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), standsBound)
	defer cancel()
	if status, err := lab.Control().Status(ctx); err != nil || !status.Settled {
		return false, 0
	}
	for _, strike := range strikes {
		if _, err := lab.Control().Strike(ctx, control.Strike{Fault: killFaults[strike], Target: "node1"}); err == nil {
			faults++
		}
	}
	<-time.After(later)
	unix.Kill(lab.Record.Holder, unix.SIGKILL) //nolint:errcheck // it may be gone
	return true, faults
}
