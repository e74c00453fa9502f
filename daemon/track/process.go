package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one run of a script: the leader of a process group of its own.
type process struct {
	pid     int
	exited  chan struct{} // closed when the leader is dead; it is a zombie then
	release chan struct{} // closed when nobody signals the group any more
	reaped  chan error    // the result of the Wait that follows release
}

// start runs the command in a process group of its own, with /dev/null as its
// input and output, without a shell.
//
// The leader gets SIGTERM when the thread that started it ends
// (PR_SET_PDEATHSIG), so that it does not outlive a daemon that was killed.
// One thread is therefore held until the leader is dead: else the runtime
// might end that thread earlier.
func start(command []string, credential *syscall.Credential) (*process, error) {
	if len(command) == 0 {
		return nil, errors.New("no program given")
	}
	p := &process{
		exited:  make(chan struct{}),
		release: make(chan struct{}),
		reaped:  make(chan error, 1),
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Pdeathsig:  syscall.SIGTERM,
		Credential: credential,
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		waitDead(p.pid)
		close(p.exited)
		<-p.release
		p.reaped <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// waitDead waits until the child is dead and leaves it a zombie, so that its
// number still names its group and nobody else's.
func waitDead(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// reap takes the exit status of a leader that is dead.
func (p *process) reap() (success bool, status string) {
	close(p.release)
	err := <-p.reaped
	if err == nil {
		return true, "succeeded"
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false, fmt.Sprintf("lost: %v", err)
	}
	wait, _ := exit.Sys().(syscall.WaitStatus)
	if wait.Signaled() {
		return false, fmt.Sprintf("killed by %s", unix.SignalName(wait.Signal()))
	}
	return false, fmt.Sprintf("exited with status %d", wait.ExitStatus())
}

// end ends the whole group: SIGTERM first, and SIGKILL as soon as the leader
// is dead, after grace, or when ctx ends.
func (p *process) end(ctx context.Context, grace time.Duration) {
	p.signal(unix.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.signal(unix.SIGKILL)
	<-p.exited
	p.reap()
}

// signal sends to every process of the group. The leader must not be reaped
// yet. It cannot fail in a way that could be mended: the group has at least
// its leader, and a leader that became another user is not ours to end.
func (p *process) signal(s unix.Signal) { _ = unix.Kill(-p.pid, s) }

// environment is the daemon's own, as in keepalived, less what would change
// how a program is loaded or how a shell splits words.
func environment(own []string) []string {
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	kept := []string{path} // of two values the later one counts
	for _, entry := range own {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH":
		default:
			kept = append(kept, entry)
		}
	}
	return kept
}
