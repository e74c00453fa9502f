package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"takeover/daemon/control"
)

const (
	// goodbyeTimeout bounds how long an orderly end waits for the guardian.
	goodbyeTimeout = time.Second
	// tellTimeout bounds how long a guardian may take to read.
	tellTimeout = time.Second
	// guardianWellAfter is how long a guardian lives to be replaced at once.
	guardianWellAfter = 10 * time.Second
)

// keeper keeps a guardian alive and informed.
type keeper struct {
	logger   *slog.Logger
	page     *watchdog
	restarts int       // of this worker, for the guardian to go on counting
	started  time.Time // this worker
	keepsake *os.File  // may be nil; see Options
	// inquiries and events are told which guardian there is.
	inquiries *Inquiries
	events    *control.Hub
	guardians int // how many there have been

	mutex   sync.Mutex
	state   guardedState  // the latest
	unsent  []int         // what the guardian does not know of it, by its place
	changed chan struct{} // there is something unsent
}

// instancesMax is how many instances one message tells of.
const instancesMax = 32

func newKeeper(logger *slog.Logger, page *watchdog, restarts int, started time.Time) *keeper {
	return &keeper{logger: logger, page: page, restarts: restarts, started: started, changed: make(chan struct{}, 1)}
}

// tell gives the guardian what has changed, soon. It never waits.
func (k *keeper) tell(changes []guardedInstance) {
	k.mutex.Lock()
	for _, i := range changes {
		k.unsent = append(k.unsent, k.state.set(i))
	}
	k.mutex.Unlock()
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// begin has a new guardian told of everything.
func (k *keeper) begin() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.unsent = k.unsent[:0]
	for n := range k.state.instances {
		k.unsent = append(k.unsent, n)
	}
}

// take takes out some of what the guardian does not know, as it is now; nil
// when that is nothing. An instance that has changed often is told of once.
func (k *keeper) take() (some []guardedInstance) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	slices.Sort(k.unsent)
	k.unsent = slices.Compact(k.unsent)
	n := min(len(k.unsent), instancesMax)
	for _, at := range k.unsent[:n] {
		some = append(some, k.state.instances[at])
	}
	k.unsent = slices.Delete(k.unsent, 0, n)
	return some
}

// run starts guardians one after the other, until ctx is done; the last is
// told goodbye.
func (k *keeper) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := k.guard(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= guardianWellAfter {
			failures = 0
		}
		k.logger.Warn("guardian ended", "error", err, "next_in", restartDelay(failures))
		select {
		case <-ctx.Done():
		case <-time.After(restartDelay(failures)):
		}
		failures++
	}
}

// guard starts one guardian and informs it until it ends, hangs, or ctx is
// done.
func (k *keeper) guard(ctx context.Context) error {
	process, pipe, err := k.start()
	if err != nil {
		return err
	}
	defer pipe.Close()
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	k.logger.Debug("guardian started", "pid", process.Process.Pid)
	defer k.noteEnd()
	k.noteStart(process.Process.Pid)

	k.begin()
	if err := k.inform(pipe); err != nil {
		return k.abandon(process, ended, err)
	}
	o := newObserver(k.page.guardian)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		hangs, wait := o.look(toleranceMax)
		if hangs {
			return k.abandon(process, ended, errors.New("it hangs"))
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return k.sayGoodbye(process, pipe, ended)
		case err := <-ended:
			return err
		case <-timer.C:
		case <-k.changed:
			if err := k.inform(pipe); err != nil {
				return k.abandon(process, ended, err)
			}
		}
	}
}

// noteStart and noteEnd tell of guardians to those who watch.
func (k *keeper) noteStart(pid int) {
	k.guardians++
	k.inquiries.noteGuardian(control.Guardian{PID: pid, Since: time.Now(), Started: k.guardians})
	k.events.Publish(control.Event{Kind: control.KindGuardian, Name: strconv.Itoa(pid), To: becameStarted})
}

func (k *keeper) noteEnd() {
	k.inquiries.noteGuardian(control.Guardian{Since: time.Now(), Started: k.guardians})
	k.events.Publish(control.Event{Kind: control.KindGuardian, To: becameEnded})
}

// inform writes what the guardian does not know, and who tells it.
func (k *keeper) inform(pipe *os.File) error {
	for more := true; more; {
		some := k.take()
		more = len(some) == instancesMax
		if err := pipe.SetWriteDeadline(time.Now().Add(tellTimeout)); err != nil {
			return fmt.Errorf("write to the guardian: %w", err)
		}
		if err := writeMessage(pipe, k.message(guardianMessage{Instances: some})); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) message(m guardianMessage) guardianMessage {
	m.Worker = os.Getpid()
	m.Uptime = time.Since(k.started)
	return m
}

// start starts the process with the reading end of a pipe and the watchdog's
// page, on which it has pledged nothing yet.
func (k *keeper) start() (*exec.Cmd, *os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("open a pipe to the guardian: %w", err)
	}
	defer reader.Close()
	process := exec.Command(executable, append([]string{GuardianArgument}, os.Args[1:]...)...)
	process.Args[0] = os.Args[0]
	process.Env = append(os.Environ(), RestartsVariable+"="+strconv.Itoa(k.restarts))
	process.Stdout, process.Stderr = os.Stdout, os.Stderr
	process.ExtraFiles = []*os.File{reader, k.page.file}
	if k.keepsake != nil {
		process.ExtraFiles = append(process.ExtraFiles, k.keepsake)
		process.Env = append(process.Env, KeepsakeVariable+"="+strconv.Itoa(guardianKeepsake))
	}
	k.page.guardian.Waiting(time.Time{})
	if err := process.Start(); err != nil {
		_ = writer.Close()
		return nil, nil, fmt.Errorf("start the guardian: %w", err)
	}
	return process, writer, nil
}

// abandon ends a guardian that cannot be told anything.
func (k *keeper) abandon(process *exec.Cmd, ended <-chan error, reason error) error {
	// The error would be that it has ended already.
	_ = process.Process.Kill()
	k.logger.Debug("guardian given up", "reason", reason, "status", <-ended)
	return reason
}

// sayGoodbye tells the guardian that all is released, and waits for its end.
func (k *keeper) sayGoodbye(process *exec.Cmd, pipe *os.File, ended <-chan error) error {
	deadline := time.Now().Add(goodbyeTimeout)
	if err := pipe.SetWriteDeadline(deadline); err != nil {
		return k.abandon(process, ended, err)
	}
	if err := writeMessage(pipe, k.message(guardianMessage{Goodbye: true})); err != nil {
		return k.abandon(process, ended, err)
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(time.Until(deadline)):
		return k.abandon(process, ended, fmt.Errorf("goodbye took longer than %s", goodbyeTimeout))
	}
}
