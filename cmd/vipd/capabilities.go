package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"takeover/daemon"
	"takeover/daemon/config"
)

// needs are what a configuration asks of its processes beyond the network.
type needs struct{ scripts bool }

// needsOf looks for scripts of any sort: whatever the daemon starts.
func needsOf(c *config.Config) needs {
	return needs{scripts: daemon.RunsScripts(c)}
}

// alwaysKept are the capabilities (capabilities(7)) for addresses and raw
// sockets, to read the configuration and what is tracked again, and for BFD's
// thread to run before others.
var alwaysKept = []int{
	unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BROADCAST, unix.CAP_DAC_READ_SEARCH, unix.CAP_SYS_NICE,
}

// keptForScripts are those for scripts of other users: to become them, to end
// them, and to make FIFOs for them.
var keptForScripts = []int{
	unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL, unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_DAC_OVERRIDE,
}

// capabilitySets are a thread's; see capset(2).
type capabilitySets [2]unix.CapUserData

func (s *capabilitySets) keep(kept []int) {
	var bits [2]uint32
	for _, c := range kept {
		bits[c/32] |= 1 << (c % 32)
	}
	for n := range s {
		s[n].Permitted &= bits[n]
		s[n].Effective = s[n].Permitted
		s[n].Inheritable = 0
	}
}

// restrict gives up for the whole process what it does not need. Without
// scripts neither it nor any program that it starts can get that back
// (PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP). With scripts they begin with all
// that root has, as keepalived's do.
func restrict(logger *slog.Logger, n needs) error {
	if n.scripts {
		return told(logger, drop(slices.Concat(alwaysKept, keptForScripts)))
	}
	if err := dropForever(alwaysKept); err != nil {
		return told(logger, err)
	}
	return told(logger, drop(alwaysKept))
}

// restrictGuardian gives up what a guardian does not need. It may become a
// worker, so that it keeps what its worker may get back.
func restrictGuardian(logger *slog.Logger) error { return told(logger, drop(alwaysKept)) }

// told tells of a program that cannot restrict itself, since it was built with
// cgo; any other error is one.
func told(logger *slog.Logger, err error) error {
	if errors.Is(err, syscall.ENOTSUP) {
		logger.Warn("capabilities not dropped", "error", err)
		return nil
	}
	return err
}

// drop gives up the capabilities that are not kept, in all threads.
func drop(kept []int) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets capabilitySets
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	sets.keep(kept)
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets[0])), 0)
	if errno != 0 {
		return fmt.Errorf("drop capabilities: %w", errno)
	}
	return nil
}

// dropForever takes all capabilities but those kept out of the bounding set.
// Who is not allowed to has none that matter.
func dropForever(kept []int) error {
	keep := make(map[int]bool, len(kept))
	for _, c := range kept {
		keep[c] = true
	}
	for c := range unix.CAP_LAST_CAP + 1 {
		if keep[c] {
			continue
		}
		if isSet, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err != nil || isSet == 0 {
			continue // the kernel has no such capability, or it is gone
		}
		_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0, 0)
		if errno != 0 && errno != syscall.EPERM {
			return fmt.Errorf("drop capability %d: %w", c, errno)
		}
	}
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("set no_new_privs: %w", errno)
	}
	return nil
}
