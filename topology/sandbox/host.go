package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// initRole is process 1 of a host: it arranges the host, and then holds its
// namespaces and does nothing else. The kernel reaps the orphans.
const initRole = "init"

// readyFD is where a host's process 1 says that the host stands: a byte, and the
// end.
const readyFD = 3

// Host is a machine inside a sandbox: PID, mount, UTS and IPC namespaces of
// its own around a network namespace. A process in it sees its own processes
// only, its own host name, /proc, /sys and /run.
type Host struct {
	Name  string
	init  *exec.Cmd
	pidfd int
	pidns string // what /proc/PID/ns/pid of each of its processes reads
}

// StartHost makes a host around a network namespace. Its processes see files
// in place of what the machine has there.
func StartHost(name string, network ns.NetNS, files ...File) (*Host, error) {
	ready, readyWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	arguments := []string{name}
	for _, file := range files {
		arguments = append(arguments, file.Path, file.Source)
	}
	path, argv := RoleCommand(initRole, arguments...)
	command := &exec.Cmd{
		Path: path, Args: argv, Dir: "/", Env: []string{"GOMAXPROCS=1", "GOGC=off"},
		Stderr: os.Stderr, ExtraFiles: []*os.File{readyWriter},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		},
	}
	err = network.Do(func(ns.NetNS) error { return command.Start() })
	_ = readyWriter.Close()
	if err != nil {
		return nil, fmt.Errorf("start host %s: %w", name, err)
	}
	h := &Host{Name: name, init: command, pidfd: -1}
	if err := h.await(ready); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

// await waits until the host stands and opens what refers to it.
func (h *Host) await(ready *os.File) error {
	if said, _ := io.ReadAll(ready); len(said) != 1 {
		return fmt.Errorf("start host %s: its first process ended: see the messages above", h.Name)
	}
	pid := h.init.Process.Pid
	var err error
	if h.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
		return fmt.Errorf("start host %s: %w", h.Name, err)
	}
	h.pidns, err = os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	return err
}

// PID is the host's process 1 as the sandbox sees it.
func (h *Host) PID() int { return h.init.Process.Pid }

// Stop kills every process of the host and waits until the kernel is done
// with them.
func (h *Host) Stop() {
	h.init.Process.Kill() //nolint:errcheck // it may have ended already
	h.init.Wait()         //nolint:errcheck // it was killed
	if h.pidfd >= 0 {
		unix.Close(h.pidfd)
		h.pidfd = -1
	}
}

// hostInit is the role of a host's process 1.
func hostInit(args []string) error {
	if os.Getpid() != 1 || len(args)%2 != 1 {
		return errors.New("this is the first process of a host and nothing to start by hand")
	}
	ready := os.NewFile(readyFD, "ready")
	// The kernel reaps the children of a process that ignores their ends, those
	// that it adopts too (sigaction(2)); and this outlasts an exec.
	signal.Ignore(syscall.SIGCHLD)
	if err := arrangeHost(args[0]); err != nil {
		return err
	}
	var files []File
	for pair := range slices.Chunk(args[1:], 2) {
		files = append(files, File{Path: pair[0], Source: pair[1]})
	}
	if err := placeFiles(files); err != nil {
		return fmt.Errorf("host %s: %w", args[0], err)
	}
	if _, err := ready.Write([]byte{1}); err != nil {
		return err
	}
	syscall.CloseOnExec(readyFD)
	// Where that cannot be this process waits, for all its weight.
	_ = becomePause(args[0])
	_ = ready.Close()
	for {
		if _, err := unix.Ppoll(nil, nil, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func arrangeHost(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name %s: %w", name, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts of %s private: %w", name, err)
	}
	if err := freshRun(Dir, Dir); err != nil {
		return fmt.Errorf("host %s: %w", name, err)
	}
	for _, m := range []struct{ kind, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m.kind, m.target, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mount %s of %s: %w", m.target, name, err)
		}
	}
	return loopbackUp()
}
