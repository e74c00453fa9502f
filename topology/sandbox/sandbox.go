package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Dir is where the directory that a sandbox shares with the outside appears
// inside of it, in each of its hosts too.
const Dir = "/run/takeover/trial"

// Options say what runs in a sandbox.
type Options struct {
	Role string   // played by process 1
	Args []string // its arguments
	// Dir is the one directory of the machine that the sandbox is meant to
	// write to. It appears inside as the constant Dir.
	Dir    string
	Input  io.Reader // process 1's standard input
	Output io.Writer // and its standard output
	Errors io.Writer // and its standard error
}

// Sandbox is a running sandbox seen from outside.
type Sandbox struct {
	command  *exec.Cmd
	lifeline *os.File
	done     chan struct{}
	err      error
}

// ErrNoPermission means that this user may not make the namespaces.
var ErrNoPermission = errors.New("namespaces are not permitted")

// Start starts process 1 of a new sandbox. The sandbox ends when process 1
// does, when Stop or Kill is called, and when this process dies, however.
func Start(o Options) (*Sandbox, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("sandbox: make its lifeline: %w", err)
	}
	defer reader.Close()

	path, argv := RoleCommand(o.Role, append([]string{o.Dir}, o.Args...)...)
	command := &exec.Cmd{
		Path: path, Args: argv, Dir: "/",
		Stdin: o.Input, Stdout: o.Output, Stderr: o.Errors,
		ExtraFiles:  []*os.File{reader}, // lifelineFD inside
		SysProcAttr: attributes(os.Geteuid(), os.Getegid()),
	}
	s := &Sandbox{command: command, lifeline: writer, done: make(chan struct{})}
	started := make(chan error)
	go s.run(started)
	if err := <-started; err != nil {
		_ = writer.Close()
		return nil, startError(err)
	}
	return s, nil
}

// run starts and waits on one locked thread, since the parent-death signal
// comes when the thread that forked dies.
func (s *Sandbox) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := s.command.Start()
	started <- err
	if err != nil {
		return
	}
	s.err = s.command.Wait()
	_ = s.lifeline.Close()
	close(s.done)
}

func attributes(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig: syscall.SIGKILL,
		// A terminal's Ctrl-C is for the outside, which ends the sandbox in order.
		Setpgid: true,
	}
	if uid != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return a
}

// startError names what stands in the way when the kernel says no.
func startError(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("start a sandbox: %w: %w (%s)", ErrNoPermission, err, permissionHint())
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return fmt.Errorf("start a sandbox: %w: %w (the limits in /proc/sys/user are reached)", ErrNoPermission, err)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("start a sandbox: %w (does this kernel have PID, network and user namespaces?)", err)
	default:
		return fmt.Errorf("start a sandbox: %w", err)
	}
}

func permissionHint() string {
	if os.Geteuid() == 0 {
		return "this looks like a container without CAP_SYS_ADMIN; run on the machine itself"
	}
	for _, knob := range []struct{ path, forbids string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
		{"/proc/sys/user/max_user_namespaces", "0"},
	} {
		if data, err := os.ReadFile(knob.path); err == nil && strings.TrimSpace(string(data)) == knob.forbids {
			return fmt.Sprintf("%s is %s: run as root, or change it", knob.path, knob.forbids)
		}
	}
	return "run as root"
}

// PID is process 1 as the outside sees it.
func (s *Sandbox) PID() int { return s.command.Process.Pid }

// Stop asks process 1 to end in order: its context is cancelled.
func (s *Sandbox) Stop() { s.command.Process.Signal(syscall.SIGTERM) } //nolint:errcheck // it may have ended already

// Kill ends the sandbox at once, with every process in it.
func (s *Sandbox) Kill() { s.command.Process.Kill() } //nolint:errcheck // it may have ended already

// Done is closed when process 1 has ended.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Wait waits until process 1 has ended and returns how; when ctx ends first
// it kills the sandbox.
func (s *Sandbox) Wait(ctx context.Context) error {
	select {
	case <-s.done:
	case <-ctx.Done():
		s.Kill()
		<-s.done
	}
	return s.err
}
