package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// GuardianArgument is the first argument of a guardian; the worker's own
	// follow.
	GuardianArgument = "internal-guardian"
	// RestartsVariable is the environment variable that tells a worker how
	// often a guardian has started it anew since it last ran well.
	RestartsVariable = "VIPD_RESTARTS"
	// KeepsakeVariable is the one that tells it the descriptor of the Keepsake
	// of the worker before it; see Options.
	KeepsakeVariable = "VIPD_KEEPSAKE"

	// The descriptors it inherits.
	guardianPipe     = 3
	guardianWatchdog = 4
	guardianKeepsake = 5 // if there is one

	// guardianGarbagePercent is low: a guardian makes garbage when something
	// changes, and never otherwise.
	guardianGarbagePercent = 10

	restartDelayMin = time.Second
	restartDelayMax = time.Minute
	// endTimeout bounds how long a dying process may take to end.
	endTimeout = 5 * time.Second
	// wellAfter is how long a worker runs to be restarted at once again.
	wellAfter = time.Minute
)

// executable is the running program, even when its file was replaced.
const executable = "/proc/self/exe"

// GuardOptions say what a guardian does.
type GuardOptions struct {
	Logger *slog.Logger
	// Arguments are those of the next worker.
	Arguments []string
	// NoRestart leaves it at the release: no worker follows one that died.
	NoRestart bool
	// Leaving is called before the process becomes the next worker, for what
	// does not survive that. It may be nil.
	Leaving func()
}

// Guard is the life of a guardian: it waits until the pipe to the worker ends,
// or until the worker hangs: see watchdog. After the worker's goodbye it
// returns nil. Otherwise Guard kills the worker if it is not dead yet, sends
// priority 0 for every virtual router that was Active, removes all virtual
// addresses, and becomes the new worker, with the arguments given; it does not
// return then, unless no restart is wanted.
//
// SIGTERM, SIGINT and SIGHUP leave it at its post: the worker gets them as
// well, and does the orderly release. But a worker that dies after that is not
// started anew.
func Guard(o GuardOptions) error {
	logger := o.Logger
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(guardianGarbagePercent)
	shrinkLater()
	unix.CloseOnExec(guardianPipe)
	unix.CloseOnExec(guardianWatchdog)
	if os.Getenv(KeepsakeVariable) != "" {
		unix.CloseOnExec(guardianKeepsake)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	restarts := restartsBefore(os.Getenv(RestartsVariable))

	releaser, err := openReleaser()
	if err != nil {
		return err
	}
	page, err := mapWatchdog(os.NewFile(guardianWatchdog, "watchdog"))
	if err != nil {
		return err
	}
	w := newWatch(page)
	h, err := w.attend(os.NewFile(guardianPipe, "worker"))
	if err != nil {
		return err
	}
	if h.goodbye {
		return nil
	}
	err = errors.Join(w.problem, releaser.release(h.state, w.process, h.hangs))
	logger.Error("worker died", "hung", h.hangs, "released", h.state.names(), "error", err)

	if o.NoRestart {
		return nil
	}
	if time.Since(h.started) >= wellAfter {
		restarts = 0
	}
	if ended := rest(signals, restartDelay(restarts)); ended {
		logger.Info("worker is not started anew", "reason", "asked to end")
		return nil
	}
	if err := w.process.awaitEnd(endTimeout); err != nil {
		logger.Warn("worker may still be ending", "error", err)
	}
	logger.Info("worker is started anew", "restarts", restarts+1)
	if o.Leaving != nil {
		o.Leaving()
	}
	return becomeWorker(o.Arguments, restarts+1)
}

// restartsBefore reads RestartsVariable; what is not a count is none.
func restartsBefore(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// restartDelay is how long to wait before a restart: the first is at once, and
// then the delay doubles.
func restartDelay(restarts int) time.Duration {
	if restarts == 0 {
		return 0
	}
	delay := restartDelayMin
	for range restarts - 1 {
		if delay >= restartDelayMax {
			break
		}
		delay *= 2
	}
	return min(delay, restartDelayMax)
}

// rest waits, and reports whether SIGTERM or SIGINT came before or meanwhile.
func rest(signals <-chan os.Signal, delay time.Duration) (ended bool) {
	timeout := time.After(delay)
	for passed := false; ; {
		if passed && len(signals) == 0 {
			return false
		}
		select {
		case s := <-signals:
			if s != syscall.SIGHUP {
				return true
			}
		case <-timeout:
			passed, timeout = true, nil // signals that came before are left
		}
	}
}

// becomeWorker replaces the process by a worker.
func becomeWorker(arguments []string, restarts int) error {
	if err := os.Setenv(RestartsVariable, strconv.Itoa(restarts)); err != nil {
		return fmt.Errorf("start the worker anew: %w", err)
	}
	if os.Getenv(KeepsakeVariable) != "" {
		if _, err := unix.FcntlInt(guardianKeepsake, unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand the keepsake on: %w", err)
		}
	}
	argv := append([]string{os.Args[0]}, arguments...)
	if err := syscall.Exec(executable, argv, os.Environ()); err != nil {
		return fmt.Errorf("start the worker anew: %w", err)
	}
	return nil
}
