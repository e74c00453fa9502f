package transport

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchMax is how many messages are sent by one system call. It does not wait,
// and is short, so Go's scheduler is not told of it: that would have another
// thread look at it every 20 us, and perhaps take the processor away.
const batchMax = 64

// batch is a list of frames that are sent together.
type batch struct{ messages []message }

// batches are those not in use.
var batches = sync.Pool{New: func() any { return new(batch) }}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	sent   uint32 // bytes
}

func (b *batch) reset() { b.messages = b.messages[:0] }

func (b *batch) add(f *frame, to *unix.RawSockaddrLinklayer) {
	m := message{header: unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(to)), Namelen: unix.SizeofSockaddrLinklayer, Iov: &f.vector,
	}}
	m.header.SetIovlen(1)
	b.messages = append(b.messages, m)
}

// send sends all messages in their order, and says how many went out before an
// error.
func (b *batch) send(fd int) (int, error) {
	sent := 0
	for sent < len(b.messages) {
		rest := b.messages[sent:]
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&rest[0])),
			uintptr(min(len(rest), batchMax)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			sent += int(n)
		} else if errno != unix.EINTR {
			return sent, errno
		}
	}
	return sent, nil
}
