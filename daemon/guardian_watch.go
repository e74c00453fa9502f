package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watch is a guardian's view of its worker: what it says over the pipe, and
// whether it keeps its pledge.
type watch struct {
	page    *watchdog
	process *workerProcess // nil until the worker has told who it is
	problem error          // why it is not known
}

func newWatch(page *watchdog) *watch { return &watch{page: page} }

// attend returns when the worker has said goodbye, has ended, or hangs.
func (w *watch) attend(pipe io.Reader) (heard, error) {
	told, ended := make(chan guardianMessage), make(chan error, 1)
	go func() { ended <- listenTo(pipe, func(m guardianMessage) { told <- m }) }()
	latest := heard{started: time.Now()}
	o := newObserver(w.page.worker)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		hangs, wait := o.look(latest.state.tolerance())
		switch {
		case hangs && w.process != nil:
			latest.hangs = true
			return latest, nil
		case hangs: // and cannot be killed
			wait = lookInterval
		}
		w.page.guardian.Waiting(time.Now().Add(wait))
		timer.Reset(wait)
		select {
		case m := <-told:
			latest.hear(time.Now(), m)
			w.meet(latest.worker)
		case err := <-ended:
			return latest, err
		case <-timer.C:
		}
	}
}

// meet opens the worker's process. A failure is told with the release.
func (w *watch) meet(pid int) {
	if w.process != nil || w.problem != nil {
		return
	}
	w.process, w.problem = openWorker(pid)
}

// tolerance is how late the worker may be: one Advertisement_Interval of those
// that are Active, the shortest, from 100 ms to 1 s.
func (s guardedState) tolerance() time.Duration {
	tolerance := toleranceMax
	for _, i := range s.instances {
		if i.Active {
			tolerance = min(tolerance, i.Interval)
		}
	}
	return max(tolerance, toleranceMin)
}

// workerProcess is the worker, by a descriptor that never means another
// process. Nothing is known of a nil one: it counts as ended.
type workerProcess struct {
	pid    int
	handle int // a pidfd
}

// openWorker opens the process of that number, which must be the guardian's
// parent: anything else is not to be killed.
func openWorker(pid int) (*workerProcess, error) {
	handle, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open worker %d: %w", pid, err)
	}
	if parent := os.Getppid(); parent != pid {
		unix.Close(handle)
		return nil, fmt.Errorf("open worker %d: the parent is %d", pid, parent)
	}
	return &workerProcess{pid: pid, handle: handle}, nil
}

// kill sends SIGKILL. A worker that has ended is well killed.
func (p *workerProcess) kill() error {
	if p == nil {
		return nil
	}
	err := unix.PidfdSendSignal(p.handle, unix.SIGKILL, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill worker %d: %w", p.pid, err)
	}
	return nil
}

// awaitEnd waits until the process has ended. The pipe to a dying process ends
// while others of its files, such as a locked pid file, are still open.
func (p *workerProcess) awaitEnd(timeout time.Duration) error {
	if p == nil {
		return nil
	}
	deadline := time.Now().Add(timeout)
	for {
		left := max(time.Until(deadline), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.handle), Events: unix.POLLIN}}, int(left.Milliseconds()))
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("await the end of worker %d: %w", p.pid, err)
		case left <= 0:
			return fmt.Errorf("await the end of worker %d: it takes longer than %s", p.pid, timeout)
		}
	}
}
