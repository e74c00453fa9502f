package wire_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr of sendmmsg(2).
type message struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

func sendAll(fd int, messages []message) {
	_, _, _ = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), 0, 0, 0)
}
