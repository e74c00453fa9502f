package live

import (
	"errors"
	"fmt"
	"time"

	"takeover/scenarios/fault"
)

// prepareTime makes the faults of clocks.
func (s *Stand) prepareTime(f fault.Fault, host string) (injection, error) {
	if f.Kind == fault.ClockStepped {
		return injection{}, errors.New("the clock of the whole machine would jump; it needs a machine of its own")
	}
	v := s.daemon(host)
	offset := time.Duration(f.Offset)
	switch {
	case v == nil:
		return injection{}, errors.New("it has no VRRP daemon")
	case offset%time.Second != 0:
		return injection{}, fmt.Errorf("offset %s is not in whole seconds", offset)
	case find("unshare") == "":
		return injection{}, fmt.Errorf("unshare: %w (apt install util-linux)", ErrNotInstalled)
	}
	startAt := func(offset time.Duration) func() error {
		return func() error {
			if err := v.stop(); err != nil {
				return err
			}
			v.offset = offset
			return v.start(s)
		}
	}
	return injection{startAt(offset), startAt(0)}, nil
}

// stop ends the program with SIGTERM; one that has ended is left.
func (v *service) stop() error {
	running := v.expect()
	if running == nil {
		return nil
	}
	if err := terminate(running); err != nil {
		return err
	}
	return awaitEnd(running)
}

// shifted is a command whose monotonic and boot clocks are ahead of the
// machine's by the offset: time_namespaces(7).
func shifted(offset time.Duration, path string, args []string) (string, []string) {
	seconds := fmt.Sprint(int64(offset / time.Second))
	return find("unshare"), append([]string{"unshare", "--time", "--monotonic", seconds, "--boottime", seconds, "--", path}, args[1:]...)
}
