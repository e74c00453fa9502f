package transport

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writer sends one packet at a time, out of memory of its own: a thousand
// virtual routers leave no garbage.
type writer struct {
	to4     unix.RawSockaddrInet4
	to6     unix.RawSockaddrInet6
	vector  unix.Iovec
	message unix.Msghdr
	// put calls sendmsg(2) and leaves its result here.
	put   func(fd uintptr)
	errno unix.Errno
}

func (w *writer) prepare() {
	w.to4.Family, w.to6.Family = unix.AF_INET, unix.AF_INET6
	w.message.Iov = &w.vector
	w.message.SetIovlen(1)
	w.put = func(fd uintptr) {
		_, _, w.errno = unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&w.message)), unix.MSG_DONTWAIT)
	}
}

// send sends a payload, which is not empty, on the interface of that index,
// with the control message.
func (w *writer) send(d descriptor, index int, destination netip.Addr, control, payload []byte) error {
	if destination.Is4() {
		w.to4.Addr = destination.As4()
		w.message.Name, w.message.Namelen = (*byte)(unsafe.Pointer(&w.to4)), unix.SizeofSockaddrInet4
	} else {
		w.to6.Addr, w.to6.Scope_id = destination.As16(), scope(index, destination)
		w.message.Name, w.message.Namelen = (*byte)(unsafe.Pointer(&w.to6)), unix.SizeofSockaddrInet6
	}
	w.vector.Base = &payload[0]
	w.vector.SetLen(len(payload))
	w.message.Control = &control[0]
	w.message.SetControllen(len(control))
	if err := d.raw.Control(w.put); err != nil {
		return err
	}
	if w.errno != 0 {
		return w.errno
	}
	return nil
}
