package wire

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Device is the name of what stands at the bridge in a port's place while a wire
// is in force.
func Device(port string) string { return deviceName("wire-", port) }

// deviceName is the prefix and the port's name, or what stands for it where that
// would be too long.
func deviceName(prefix, port string) string {
	if name := prefix + port; len(name) < unix.IFNAMSIZ {
		return name
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(port)) // it never fails
	return fmt.Sprintf("%s%08x", prefix, hash.Sum32())
}

// devices are the port and the pair that takes its place at the bridge.
type devices struct {
	handle *netlink.Handle // in the switch
	bridge int
	port   netlink.Link // leads to the host
	outer  netlink.Link // the pair's end at the bridge
	inner  netlink.Link // the pair's other end, which the relay has
}

// openDevices finds the port and its bridge, and makes the pair. The pair's end at
// the bridge is one of its ports from the beginning.
func openDevices(network ns.NetNS, port string) (*devices, error) {
	handle, err := netlink.NewHandleAt(netns.NsHandle(network.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink in the switch: %w", err)
	}
	d := &devices{handle: handle}
	if err := d.build(network, port); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (d *devices) build(network ns.NetNS, name string) (err error) {
	if d.port, err = d.handle.LinkByName(name); err != nil {
		return fmt.Errorf("find it: %w", err)
	}
	port := d.port.Attrs()
	if d.bridge = port.MasterIndex; d.bridge == 0 {
		return errors.New("it is not at a bridge")
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MTU = Device(name), port.MTU
	attributes.NumTxQueues, attributes.NumRxQueues = 1, 1
	pair := &netlink.Veth{
		LinkAttrs: attributes, PeerName: deviceName("relay-", name), PeerMTU: uint32(port.MTU),
		PeerNumTxQueues: 1, PeerNumRxQueues: 1,
	}
	if err := d.handle.LinkAdd(pair); err != nil {
		return fmt.Errorf("add the pair: %w", err)
	}
	if d.outer, err = d.handle.LinkByName(attributes.Name); err != nil {
		return err
	}
	if d.inner, err = d.handle.LinkByName(pair.PeerName); err != nil {
		return err
	}
	err = network.Do(func(ns.NetNS) error { // the pair says nothing by itself; where IPv6 is off it could not
		for _, name := range []string{attributes.Name, pair.PeerName} {
			path := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
			if err := os.WriteFile(path, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.handle.LinkSetMasterByIndex(d.outer, d.bridge); err != nil {
		return fmt.Errorf("put the pair at the bridge: %w", err)
	}
	if err := d.handle.LinkSetUp(d.outer); err != nil {
		return fmt.Errorf("set the pair up: %w", err)
	}
	return d.follow()
}

const (
	forwardingBound = 2 * time.Second
	forwardingAgain = time.Millisecond
)

// awaitForwarding waits until the bridge takes what comes from the pair, unless
// the port is down.
func (d *devices) awaitForwarding() error {
	for deadline := time.Now().Add(forwardingBound); ; time.Sleep(forwardingAgain) {
		port, outer, err := d.look()
		if err != nil {
			return err
		}
		if !running(port) || outer.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the pair is not up after %s", forwardingBound)
		}
	}
}

func (d *devices) look() (port, outer netlink.Link, err error) {
	port, portErr := d.handle.LinkByIndex(d.port.Attrs().Index)
	outer, outerErr := d.handle.LinkByIndex(d.outer.Attrs().Index)
	return port, outer, errors.Join(portErr, outerErr)
}

// running says that a device is up and has a carrier.
func running(device netlink.Link) bool {
	return device.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 && isUp(device)
}

func isUp(device netlink.Link) bool { return device.Attrs().Flags&net.FlagUp != 0 }

// follow gives the bridge's side the carrier that the port has.
func (d *devices) follow() error {
	port, err := d.handle.LinkByIndex(d.port.Attrs().Index)
	if err != nil {
		return err
	}
	set := d.handle.LinkSetDown
	if running(port) {
		set = d.handle.LinkSetUp
	}
	if err := set(d.inner); err != nil {
		return fmt.Errorf("set %s: %w", d.inner.Attrs().Name, err)
	}
	return nil
}

// States of a bridge's port (linux/if_bridge.h).
const stateDisabled = 0

// silence makes the bridge take nothing from one of its ports, hand nothing to
// it, and forget who was behind it, at once.
func (d *devices) silence(device netlink.Link) error {
	request := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	header := nl.NewIfInfomsg(unix.AF_BRIDGE)
	header.Index = int32(device.Attrs().Index)
	request.AddData(header)
	port := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	port.AddRtAttr(nl.IFLA_BRPORT_STATE, []byte{stateDisabled})
	port.AddRtAttr(nl.IFLA_BRPORT_FLUSH, nil)
	request.AddData(port)
	// A port that is down is silent, and the bridge forgot when it went down.
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENETDOWN) {
		return fmt.Errorf("silence %s at the bridge: %w", device.Attrs().Name, err)
	}
	return nil
}

// replace puts the pair in the port's place. The port is silent at once, and no
// port of the bridge any more soon after. It is called in the switch's
// namespace, and so is restore.
func (d *devices) replace(open func() error) error {
	if err := errors.Join(d.silence(d.port), open()); err != nil {
		return err
	}
	if err := d.handle.LinkSetNoMaster(d.port); err != nil {
		return fmt.Errorf("take it from the bridge: %w", err)
	}
	return nil
}

// restore puts the port back.
func (d *devices) restore() error {
	if err := d.handle.LinkSetMasterByIndex(d.port, d.bridge); err != nil {
		return fmt.Errorf("put it back to the bridge: %w", err)
	}
	return d.silence(d.outer)
}

// remove takes the pair away.
func (d *devices) remove() error {
	defer d.handle.Close()
	if d.outer == nil {
		return nil
	}
	if err := d.handle.LinkDel(d.outer); err != nil {
		return fmt.Errorf("remove the pair: %w", err)
	}
	return nil
}
