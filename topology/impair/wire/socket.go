package wire

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batch is how many frames one call moves.
	batch = 64
	// frameBytes is the longest: what TCP hands over before segmentation, with
	// its headers, and a tag.
	frameBytes = 1<<16 + 256
	// socketBuffer is what the kernel keeps while the relay's thread does not run,
	// in bytes of its own memory: some 30,000 short frames. An ordinary user gets
	// what net.core.rmem_max allows.
	socketBuffer = 32 << 20
)

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

// socket takes and sends frames of one device.
type socket struct {
	fd       int
	receives [batch]message
	buffers  [batch][]byte
	into     [batch]unix.Iovec
	controls [batch][64]byte

	sends   [batch]message
	from    [batch][2]unix.Iovec
	headers [batch]Offload
	pending int
	lost    uint64 // that the device did not take, or that were cut short
}

// listen opens a packet socket in the calling thread's namespace that takes what
// comes in at a device, tags and offloads included, but nothing before it is
// opened by open.
func listen(device int) (*socket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	s := &socket{fd: fd}
	for _, option := range []struct {
		level, name, value int
		what               string
	}{
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1, "ignore what goes out"},
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1, "ask for offloads"},
		{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1, "ask for tags"},
		{unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1, "send without a queue"},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer, "size its buffer"},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer, "size its buffer"},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return nil, errors.Join(fmt.Errorf("packet socket: %s: %w", option.what, err), unix.Close(fd))
		}
	}
	// Only the machine's root may go beyond its bounds (net.core.rmem_max).
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer)
	if err := s.shut(); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	address := unix.SockaddrLinklayer{Protocol: unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8, Ifindex: device}
	if err := unix.Bind(fd, &address); err != nil {
		return nil, errors.Join(fmt.Errorf("packet socket: bind it: %w", err), unix.Close(fd))
	}
	s.prepare()
	return s, nil
}

// shut lets nothing in from now on.
func (s *socket) shut() error {
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	program := unix.SockFprog{Len: 1, Filter: &nothing}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("packet socket: shut it: %w", err)
	}
	return nil
}

// open lets in what comes from now on.
func (s *socket) open() error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil {
		return fmt.Errorf("packet socket: open it: %w", err)
	}
	return nil
}

// prepare points the messages at their buffers, which leave room for a tag.
func (s *socket) prepare() {
	for i := range batch {
		s.buffers[i] = make([]byte, vlanBytes+len(Offload{})+frameBytes)
		s.into[i].Base = &s.buffers[i][vlanBytes]
		s.into[i].SetLen(len(s.buffers[i]) - vlanBytes)
		s.receives[i].Iov = &s.into[i]
		s.receives[i].SetIovlen(1)
		s.receives[i].Control = &s.controls[i][0]
		s.from[i][0].Base = &s.headers[i][0]
		s.from[i][0].SetLen(len(Offload{}))
		s.sends[i].Iov = &s.from[i][0]
		s.sends[i].SetIovlen(2)
	}
}

// receive takes what is there, a batch at most. Frame tells of each.
func (s *socket) receive() (n int, err error) {
	for i := range batch {
		s.receives[i].SetControllen(len(s.controls[i]))
	}
	count, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.receives[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno == 0 {
		return int(count), nil
	}
	if !slices.Contains([]unix.Errno{unix.EAGAIN, unix.EINTR, unix.ENETDOWN}, errno) { // the last when the device has gone down
		return 0, fmt.Errorf("packet socket: receive: %w", errno)
	}
	return 0, nil
}

// frame is the i-th of what was received, valid until the next receive; false:
// it was cut short.
func (s *socket) frame(i int) (data []byte, offload Offload, ok bool) {
	length := int(s.receives[i].length)
	if s.receives[i].Flags&unix.MSG_TRUNC != 0 || length < len(offload)+ethernetBytes {
		s.lost++
		return nil, offload, false
	}
	buffer := s.buffers[i][vlanBytes:]
	offload = Offload(buffer)
	data = buffer[len(offload):length]
	tag, ok := s.tag(i)
	if !ok {
		return data, offload, true
	}
	// The kernel took the tag out of the frame: it goes back behind the addresses.
	start := len(offload)
	data = s.buffers[i][start : vlanBytes+length]
	copy(data, data[vlanBytes:vlanBytes+2*macBytes])
	copy(data[2*macBytes:], tag[:])
	offload.shift(vlanBytes)
	return data, offload, true
}

// tag is the VLAN tag of the i-th, if it had one (packet(7), PACKET_AUXDATA).
func (s *socket) tag(i int) (tag [vlanBytes]byte, ok bool) {
	const size = int(unsafe.Sizeof(unix.TpacketAuxdata{}))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&s.controls[i][0]))
	if int(s.receives[i].Controllen) < unix.CmsgLen(size) || header.Level != unix.SOL_PACKET || header.Type != unix.PACKET_AUXDATA {
		return tag, false
	}
	extra := (*unix.TpacketAuxdata)(unsafe.Pointer(&s.controls[i][unix.CmsgLen(0)]))
	if extra.Status&unix.TP_STATUS_VLAN_VALID == 0 {
		return tag, false
	}
	kind := uint16(etherVLAN)
	if extra.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		kind = extra.Vlan_tpid
	}
	return [vlanBytes]byte{byte(kind >> 8), byte(kind), byte(extra.Vlan_tci >> 8), byte(extra.Vlan_tci)}, true
}

// send puts a frame into the next batch, and sends that when it is full. The
// data must not change before flush.
func (s *socket) send(data []byte, offload Offload) {
	i := s.pending
	s.headers[i] = offload
	s.from[i][1].Base = unsafe.SliceData(data)
	s.from[i][1].SetLen(len(data))
	s.pending++
	if s.pending == batch {
		s.flush()
	}
}

// flush sends the batch. What the device does not take is lost, as on a wire.
func (s *socket) flush() {
	for begin := 0; begin < s.pending; {
		count, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.sends[begin])), uintptr(s.pending-begin), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0:
			begin += int(count)
		case errno != unix.EINTR:
			s.lost++
			begin++ // the first of them did not pass
		}
	}
	for i := range s.pending {
		s.from[i][1].Base = nil
	}
	s.pending = 0
}

func (s *socket) close() error { return unix.Close(s.fd) }
