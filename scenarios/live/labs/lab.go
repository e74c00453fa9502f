package labs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/live/control"
)

// The files of a lab's directory beside those of package live.
const (
	lockFile   = "lock"
	recordFile = "lab.json"
	holderLog  = "holder.log"
)

// Record is what a holder says of its lab.
type Record struct {
	Format   int       `json:"format"` // now 1
	Topology string    `json:"topology"`
	Subject  string    `json:"subject"`
	Hosts    int       `json:"hosts"`
	Started  time.Time `json:"started"`
	Takeover string    `json:"takeover"` // its version
	Holder   int       `json:"holder"`   // PID
	// Sandbox is the PID of the sandbox's first process: the way in.
	Sandbox int `json:"sandbox"`
}

// Lab is a lab in its directory, alive or dead.
type Lab struct {
	Name      string
	Directory string
	Record    Record
	// Alive says that its holder was there when this was read.
	Alive bool
}

// ErrNone means that there is no such lab.
var ErrNone = errors.New("there is no such lab")

// List returns the labs of a home by their names, dead ones too.
func List(home string) ([]Lab, error) {
	entries, err := os.ReadDir(home)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var labs []Lab
	for _, entry := range entries {
		lab, err := Open(home, entry.Name())
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		labs = append(labs, lab)
	}
	return labs, nil
}

// Open reads what there is of a lab.
func Open(home, name string) (Lab, error) {
	lab := Lab{Name: name, Directory: filepath.Join(home, name)}
	if CheckName(name) != nil {
		return lab, fmt.Errorf("%w: %q", ErrNone, name)
	}
	held, err := isHeld(lab.Directory)
	if errors.Is(err, os.ErrNotExist) {
		return lab, fmt.Errorf("%w: %q", ErrNone, name)
	}
	if err != nil {
		return lab, err
	}
	lab.Alive = held
	data, err := os.ReadFile(filepath.Join(lab.Directory, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return lab, nil // it is being made, or was not made whole
	}
	if err == nil {
		err = json.Unmarshal(data, &lab.Record)
	}
	if err != nil {
		return lab, fmt.Errorf("lab %s: read %s: %w", name, recordFile, err)
	}
	return lab, nil
}

// isHeld says whether somebody holds the lock of a lab's directory.
func isHeld(directory string) (bool, error) {
	file, err := os.Open(filepath.Join(directory, lockFile))
	if err != nil {
		return false, err
	}
	defer file.Close()
	// A shared lock, so that two that ask don't take each other for the holder.
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// StillAlive says whether the holder is there now.
func (l Lab) StillAlive() bool {
	held, err := isHeld(l.Directory)
	return err == nil && held
}

// Outside is the PID, as this process sees it, of a child of the sandbox's
// first process, by its PID as the sandbox sees it (NSpid in
// proc_pid_status(5)).
func (l Lab) Outside(inside int) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return 0, err
	}
	parent := fmt.Sprintf("\nPPid:\t%d\n", l.Record.Sandbox)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(data), parent) {
			continue // it ended, or is another's
		}
		_, rest, _ := strings.Cut(string(data), "\nNSpid:\t")
		line, _, _ := strings.Cut(rest, "\n")
		if pids := strings.Fields(line); len(pids) > 2 && pids[1] == strconv.Itoa(inside) {
			return strconv.Atoi(pids[0])
		}
	}
	return 0, fmt.Errorf("lab %s: its process %d is gone", l.Name, inside)
}

// Control is the way to talk to the lab.
func (l Lab) Control() *control.Client { return control.NewClient(l.Directory) }

// Down ends the lab in order and waits until nothing is left of it. When ctx
// ends first the holder is killed, and the lab with it.
func (l Lab) Down(ctx context.Context) error {
	if l.Alive {
		if err := l.endHolder(ctx); err != nil {
			return fmt.Errorf("lab %s: %w", l.Name, err)
		}
	}
	claim, err := claim(l.Directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the holder took it away
	}
	if err != nil {
		return err
	}
	return claim.Remove()
}

// endHolder tells the holder to end and waits for it.
func (l Lab) endHolder(ctx context.Context) error {
	if l.Record.Holder == 0 {
		return errors.New("it is only being made; try again in a moment")
	}
	fd, err := unix.PidfdOpen(l.Record.Holder, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find its holder: %w", err)
	}
	defer unix.Close(fd)
	// While it is locked the holder lives, so that the number is not another's.
	if held, err := isHeld(l.Directory); err != nil || !held {
		return ignoreMissing(err)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end its holder: %w", err)
	}
	if awaitEnd(ctx, fd) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill its holder: %w", err)
	}
	if !awaitEnd(context.Background(), fd) {
		return errors.New("its holder can't be killed")
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// awaitEnd waits until a process has ended; false when ctx ended first.
func awaitEnd(ctx context.Context, pidfd int) bool {
	const step = 50 // milliseconds
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, step)
		if n > 0 {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
	return false
}

// Collect removes what dead labs left and returns their names.
func Collect(home string) ([]string, error) {
	labs, err := List(home)
	if err != nil {
		return nil, err
	}
	var (
		removed []string
		errs    []error
	)
	for _, lab := range labs {
		if lab.Alive {
			continue
		}
		claim, err := claim(lab.Directory)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrHeld) {
			continue // somebody was faster
		}
		if err == nil {
			err = claim.Remove()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("lab %s: %w", lab.Name, err))
			continue
		}
		removed = append(removed, lab.Name)
	}
	// Whoever was removing one may have been killed over it.
	half, err := filepath.Glob(filepath.Join(home, goneDirectory+"*"))
	errs = append(errs, err)
	for _, directory := range half {
		errs = append(errs, os.RemoveAll(directory))
	}
	return removed, errors.Join(errs...)
}

// Hosts are the hosts whose processes have logs in the lab's directory, sorted;
// logs are those of a host by their processes' names.
func (l Lab) Hosts() []string {
	entries, _ := os.ReadDir(filepath.Join(l.Directory, "hosts"))
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Logs are the log files of a host's processes, by the processes' names.
func (l Lab) Logs(host string) (names []string, path func(name string) string) {
	directory := filepath.Join(l.Directory, "hosts", host)
	entries, _ := os.ReadDir(directory)
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), ".log"); is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, func(name string) string { return filepath.Join(directory, name+".log") }
}
