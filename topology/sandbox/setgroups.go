package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// auditArchitectures are what seccomp(2) calls this machine's kind.
var auditArchitectures = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64,
	"arm64": unix.AUDIT_ARCH_AARCH64,
}

// Where a seccomp filter finds what it decides by: struct seccomp_data in
// linux/seccomp.h.
const (
	seccompNumber       = 0
	seccompArchitecture = 4
)

// forgiveSetgroups makes setgroups(2) succeed and do nothing, here and in all
// processes to come, where the user namespace denies it: there is one group
// then, and nothing to set. Daemons that drop or assert their groups before
// they run a script, as keepalived and Nginx do, would fail for no reason that
// a machine of its own would give them.
func forgiveSetgroups() error {
	state, err := os.ReadFile("/proc/self/setgroups")
	if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(state)) != "deny" {
		return nil
	}
	if err != nil {
		return err
	}
	architecture, ok := auditArchitectures[runtime.GOARCH]
	if !ok {
		return nil // the daemons have to live with it
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: seccompArchitecture},
		{Code: equal, K: architecture, Jf: 3},
		{Code: load, K: seccompNumber},
		{Code: equal, K: unix.SYS_SETGROUPS, Jf: 1},
		{Code: give, K: unix.SECCOMP_RET_ERRNO}, // errno 0: success
		{Code: give, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("make setgroups do nothing: %w", errno)
	}
	return nil
}
