package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is a program to be run in a host.
type Command struct {
	Name   string   // what messages and logs call it
	Path   string   // absolute
	Args   []string // the zeroth included
	Env    []string
	Output io.Writer // standard output and error together; nil discards it
	Stdout io.Writer // overrides Output for standard output
}

// Process is a program running in a host.
type Process struct {
	Name string
	PID  int // as the sandbox sees it
	done chan struct{}
	err  error
}

// Start runs a program in the host. It does not wait for it.
func (h *Host) Start(c Command) (*Process, error) {
	command := &exec.Cmd{
		Path: c.Path, Args: c.Args, Env: c.Env, Dir: "/", Stdout: c.Output, Stderr: c.Output,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if c.Stdout != nil {
		command.Stdout = c.Stdout
	}
	if err := h.startInside(command); err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", c.Name, h.Name, err)
	}
	p := &Process{Name: c.Name, PID: command.Process.Pid, done: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.done)
	}()
	return p, nil
}

// startInside forks on a thread that entered all of the host's namespaces.
// The thread can't come back from there: it stays locked and ends with the
// goroutine.
func (h *Host) startInside(command *exec.Cmd) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: see above
		result <- func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return fmt.Errorf("unshare the thread's file system: %w", err)
			}
			const all = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
			if err := unix.Setns(h.pidfd, all); err != nil {
				return fmt.Errorf("enter the host's namespaces: %w", err)
			}
			return command.Start()
		}()
	}()
	return <-result
}

// Done is closed when the process has ended and its output is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status is how it ended, as in "exit status 1" or "signal: killed"; it waits
// for the end.
func (p *Process) Status() string {
	<-p.done
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// Info is a process found in a host.
type Info struct {
	PID  int    // as the sandbox sees it
	Name string // the program's base name; the role for a part of this program
	Args []string
}

// Processes lists the host's processes, its process 1 left out.
func (h *Host) Processes() ([]Info, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Info
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == h.init.Process.Pid {
			continue
		}
		space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		if err != nil || space != h.pidns {
			continue // ended meanwhile, a zombie, or another host's
		}
		if info, ok := describe(pid); ok {
			found = append(found, info)
		}
	}
	return found, nil
}

func describe(pid int) (Info, bool) {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return Info{}, false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return Info{}, false
	}
	info := Info{PID: pid, Name: strings.TrimSuffix(filepath.Base(exe), " (deleted)")}
	info.Args = strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
	if role, ok := strings.CutPrefix(info.Args[0], rolePrefix); ok {
		info.Name = role
	}
	return info, true
}

// KillAll ends all processes that match at once. They are stopped first, so
// that none sees another's end and acts on it. It returns those that it killed.
func (h *Host) KillAll(match func(Info) bool) ([]Info, error) {
	stopped, err := h.StopAll(match)
	if err != nil {
		return nil, err
	}
	return stopped, h.signalAll(stopped, unix.SIGKILL)
}

// StopAll stops all processes that match, each of them, and those that they
// start meanwhile, with SIGSTOP. It returns those that it stopped.
func (h *Host) StopAll(match func(Info) bool) ([]Info, error) {
	var stopped []Info
	seen := map[int]bool{}
	for {
		fresh, err := h.stopMatching(match, seen)
		stopped = append(stopped, fresh...)
		if err != nil || len(fresh) == 0 { // nothing was started meanwhile
			return stopped, err
		}
	}
}

// ContinueAll lets all processes that match go on, with SIGCONT.
func (h *Host) ContinueAll(match func(Info) bool) ([]Info, error) {
	return h.SignalAll(match, unix.SIGCONT)
}

// SignalAll sends a signal to all processes that match, one after another.
func (h *Host) SignalAll(match func(Info) bool, signal unix.Signal) ([]Info, error) {
	all, err := h.Processes()
	if err != nil {
		return nil, err
	}
	matching := slices.DeleteFunc(all, func(i Info) bool { return !match(i) })
	return matching, h.signalAll(matching, signal)
}

func (h *Host) signalAll(processes []Info, signal unix.Signal) error {
	for _, info := range processes {
		if err := unix.Kill(info.PID, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("%s to %s (%d) in %s: %w", unix.SignalName(signal), info.Name, info.PID, h.Name, err)
		}
	}
	return nil
}

func (h *Host) stopMatching(match func(Info) bool, seen map[int]bool) ([]Info, error) {
	all, err := h.Processes()
	if err != nil {
		return nil, err
	}
	var fresh []Info
	for _, info := range all {
		if seen[info.PID] || !match(info) {
			continue
		}
		seen[info.PID] = true
		if err := unix.Kill(info.PID, unix.SIGSTOP); err != nil {
			if errors.Is(err, unix.ESRCH) {
				continue
			}
			return fresh, fmt.Errorf("stop %s (%d) in %s: %w", info.Name, info.PID, h.Name, err)
		}
		fresh = append(fresh, info)
	}
	return fresh, nil
}
