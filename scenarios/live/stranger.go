package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/daemon/config"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
	"takeover/scenarios/fault"
)

// stranger is somebody on a segment who is in no topology: a pair of devices in
// the switch's namespace, one at the bridge, and a packet socket on the other.
type stranger struct {
	handle  *netlink.Handle
	device  netlink.Link
	mac     net.HardwareAddr
	file    *os.File
	serving *going // answers
	calling *going // announces
}

// newStranger plugs one in.
func (s *Stand) newStranger(segment string) (*stranger, error) {
	handle, err := netlink.NewHandleAt(netns.NsHandle(s.lab.Switch().Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	number := s.lastForce + 1
	t := &stranger{handle: handle, mac: net.HardwareAddr{0x02, 0xdb, 0, 0, byte(number >> 8), byte(number)}}
	if err := t.plugIn(s.lab.Switch(), segment, fmt.Sprintf("stranger%d", number)); err != nil {
		return nil, errors.Join(fmt.Errorf("plug a stranger into %s: %w", segment, err), t.leave())
	}
	return t, nil
}

func (t *stranger) plugIn(network ns.NetNS, segment, name string) error {
	bridge, err := t.handle.LinkByName(segment)
	if err != nil {
		return err
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MasterIndex, attributes.Flags = "to-"+name, bridge.Attrs().Index, net.FlagUp
	if err := t.handle.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: name, PeerHardwareAddr: t.mac}); err != nil {
		return err
	}
	if t.device, err = t.handle.LinkByName(name); err != nil {
		return err
	}
	err = network.Do(func(ns.NetNS) error {
		// It is to say nothing by itself. Where IPv6 is off it does not.
		_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0)
		if err := t.handle.LinkSetUp(t.device); err != nil {
			return err
		}
		var fd int
		var err error
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		t.file = os.NewFile(uintptr(fd), name)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: t.device.Attrs().Index})
	})
	if err != nil {
		return err
	}
	return t.awaitForwarding(attributes.Name)
}

const (
	forwardingBound = 2 * time.Second
	forwardingAgain = time.Millisecond
)

// awaitForwarding waits until the bridge takes what comes from the port.
func (t *stranger) awaitForwarding(port string) error {
	for deadline := time.Now().Add(forwardingBound); ; time.Sleep(forwardingAgain) {
		device, err := t.handle.LinkByName(port)
		if err != nil {
			return err
		}
		if device.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("port %s is not up after %s", port, forwardingBound)
		}
	}
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

// leave ends it and takes its devices away.
func (t *stranger) leave() error {
	defer t.handle.Close()
	var errs []error
	if t.file != nil {
		errs = append(errs, t.calling.end(), t.file.SetReadDeadline(time.Unix(1, 0)), t.serving.end(), t.file.Close())
	}
	if t.device != nil {
		errs = append(errs, t.handle.LinkDel(t.device))
	}
	return errors.Join(errs...)
}

var everybody = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// The lengths and codes of ARP over Ethernet (RFC 826).
const (
	arpBytes   = 28
	arpRequest = 1
	arpReply   = 2
)

// arp is a frame that says that the address is here.
func (t *stranger) arp(operation uint16, address netip.Addr, to net.HardwareAddr, asker netip.Addr) []byte {
	frame := append(append(append([]byte{}, to...), t.mac...), 0x08, 0x06)
	frame = append(frame, 0, 1, 0x08, 0, 6, 4)
	frame = binary.BigEndian.AppendUint16(frame, operation)
	frame = append(append(frame, t.mac...), address.AsSlice()...)
	return append(append(frame, to...), asker.AsSlice()...)
}

// How a host announces its address: RFC 5227 §1.1, ANNOUNCE_NUM and
// ANNOUNCE_INTERVAL.
const (
	announcements        = 2
	announcementInterval = 2 * time.Second
)

// announce says so to everybody, and again.
func (t *stranger) announce(address netip.Addr) error {
	send := func() error {
		_, err := t.file.Write(t.arp(arpRequest, address, everybody, address))
		return err
	}
	err := send()
	t.calling = times(announcements, announcementInterval, send)
	return err
}

// claim answers who asks for the address, until it leaves.
func (t *stranger) claim(address netip.Addr) error {
	if !address.Is4() {
		return fmt.Errorf("%w: only ARP is forged, and %s is IPv6", ErrNotBuilt, address)
	}
	t.serving = goOn(func(context.Context) error {
		buffer := make([]byte, 1<<11)
		for {
			n, err := t.file.Read(buffer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			if err != nil {
				return err
			}
			asker, mac, ok := askedFor(buffer[:n], address)
			if !ok {
				continue
			}
			if _, err := t.file.Write(t.arp(arpReply, address, mac, asker)); err != nil {
				return err
			}
		}
	})
	return nil
}

// askedFor says who asks for the address in a frame, if somebody does.
func askedFor(frame []byte, address netip.Addr) (asker netip.Addr, mac net.HardwareAddr, ok bool) {
	const ethernet = 14
	if len(frame) < ethernet+arpBytes {
		return asker, nil, false
	}
	arp := frame[ethernet:]
	if binary.BigEndian.Uint16(arp[6:]) != arpRequest || !bytes.Equal(arp[24:28], address.AsSlice()) {
		return asker, nil, false
	}
	asker, _ = netip.AddrFromSlice(arp[14:18])
	return asker, bytes.Clone(arp[8:14]), asker != address // that one announces itself
}

// groupMAC is where a multicast group's frames go (RFC 1112 §6.4).
func groupMAC(group netip.Addr) net.HardwareAddr {
	b := group.As4()
	return net.HardwareAddr{0x01, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
}

// multicast sends an IPv4 packet to VRRP's group.
func (t *stranger) multicast(packet []byte) error {
	frame := append(append(append([]byte{}, groupMAC(transport.Group())...), t.mac...), 0x08, 0)
	_, err := t.file.Write(append(frame, packet...))
	return err
}

// forge makes the IPv4 packet of an advertisement for the cluster's virtual
// router, with what the fault says otherwise.
func forge(f fault.Fault, c Cluster, source netip.Addr) ([]byte, error) {
	if !source.Is4() || !c.VIPs[0].Addr().Is4() {
		return nil, fmt.Errorf("%w: only IPv4 is forged", ErrNotBuilt)
	}
	a := vrrp.Advertisement{
		Version: vrrp.Version(c.Version), VRID: uint8(c.VRID), Priority: uint8(f.Priority), Interval: c.Interval,
		Authentication: authenticationOf(c),
	}
	for _, vip := range c.VIPs {
		a.Addresses = append(a.Addresses, vip.Addr())
	}
	if f.VRID != 0 {
		a.VRID = uint8(f.VRID)
	}
	if f.Interval != 0 {
		a.Interval = time.Duration(f.Interval)
	}
	if f.Address.IsValid() && f.Kind == fault.AdvertForged {
		a.Addresses = []netip.Addr{f.Address}
	}
	if f.Mode == "addresses" {
		a.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})}
	}
	if f.Mode == "authentication" {
		a.Authentication = vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: [8]byte{'w', 'r', 'o', 'n', 'g'}}
	}
	if f.Version == 2 || f.Version == 3 {
		a.Version = vrrp.Version(f.Version)
	}
	if a.Version != vrrp.Version2 {
		a.Authentication = vrrp.Authentication{}
	}
	message, err := vrrp.Append(nil, a, source, transport.Group())
	if err != nil {
		return nil, err
	}
	if f.Version > 3 || f.Version == 1 {
		message[0] = byte(f.Version)<<4 | message[0]&0xf
	}
	switch f.Mode {
	case "checksum":
		message[6] ^= 0xff
	case "type":
		message[0] = message[0]&0xf0 | 7
	case "truncated":
		message = message[:6]
	}
	return append(ipv4Header(len(message), f.TTL, source), message...), nil
}

// authenticationOf is what the cluster's first node signs with, as far as whoever
// listens on the segment can know it: a password.
func authenticationOf(c Cluster) vrrp.Authentication {
	parsed, err := config.Parse(c.Seats[0].File, []byte(c.Seats[0].Config))
	if err != nil || len(parsed.Instances) == 0 || parsed.Instances[0].AuthPass == "" {
		return vrrp.Authentication{}
	}
	a := vrrp.Authentication{Type: vrrp.AuthenticationPass}
	copy(a.Data[:], parsed.Instances[0].AuthPass)
	return a
}

// ipv4Header is that of an advertisement; ttl 0 stands for 255.
func ipv4Header(payload, ttl int, source netip.Addr) []byte {
	const length = 20
	if ttl == 0 {
		ttl = 255
	}
	header := []byte{0x45, 0xc0, 0, 0, 0, 0, 0, 0, byte(ttl), transport.Protocol, 0, 0}
	binary.BigEndian.PutUint16(header[2:], uint16(length+payload))
	header = append(append(header, source.AsSlice()...), transport.Group().AsSlice()...)
	var sum uint32
	for i := 0; i < length; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum+sum>>16))
	return header
}
