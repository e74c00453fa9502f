package wire_test

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/topology/impair/wire"
)

// tryCarrier sets each side down and up.
func tryCarrier(b *bench) error {
	w, err := b.begin()
	if err != nil {
		return err
	}
	host, err := b.Host("node1").Open()
	if err != nil {
		return err
	}
	defer host.Close()
	switches, err := netlink.NewHandleAt(netns.NsHandle(b.Switch().Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer switches.Close()
	outer, err := switches.LinkByName(wire.Device(b.ports["node1"]))
	if err != nil {
		return err
	}
	eth0, err := host.LinkByName("eth0")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		text    string
		change  func() error
		network ns.NetNS
		device  string
		up      bool
	}{
		{"port down: bridge's side down", func() error { return b.SetPort(b.ports["node1"], false) }, b.Switch(), outer.Attrs().Name, false},
		{"port up: bridge's side up", func() error { return b.SetPort(b.ports["node1"], true) }, b.Switch(), outer.Attrs().Name, true},
		{"bridge's side down: host has no carrier", func() error { return switches.LinkSetDown(outer) }, b.Host("node1").Network, "eth0", false},
		{"bridge's side up: host has a carrier", func() error { return switches.LinkSetUp(outer) }, b.Host("node1").Network, "eth0", true},
		{"host down: bridge's side down", func() error { return host.LinkSetDown(eth0) }, b.Switch(), outer.Attrs().Name, false},
		{"host up: bridge's side up", func() error { return host.LinkSetUp(eth0) }, b.Switch(), outer.Attrs().Name, true},
	} {
		if err := errors.Join(step.change(), awaitState(step.network, step.device, step.up)); err != nil {
			return fmt.Errorf("%s: %w", step.text, err)
		}
		fmt.Fprintln(b.out, step.text)
	}
	for _, fd := range b.fds { // they remember that the network was down
		_, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	}
	if _, err := b.send("node1", "node2", "a"); err != nil {
		return err
	}
	return w.Remove()
}

// awaitState waits until a device is as it should.
func awaitState(network ns.NetNS, name string, up bool) error {
	space := netns.NsHandle(network.Fd())
	updates, done := make(chan netlink.LinkUpdate, 1000), make(chan struct{})
	defer close(done)
	options := netlink.LinkSubscribeOptions{Namespace: &space, ListExisting: true}
	if err := netlink.LinkSubscribeWithOptions(updates, done, options); err != nil {
		return err
	}
	bound := time.After(receiveBound)
	for state := netlink.LinkOperState(netlink.OperUnknown); ; {
		select {
		case update, ok := <-updates:
			if !ok {
				return fmt.Errorf("no more news of %s, which is %s", name, state)
			}
			if a := update.Attrs(); a.Name == name {
				if state = a.OperState; (state == netlink.OperUp) == up {
					return nil
				}
			}
		case <-bound:
			return fmt.Errorf("%s is %s", name, state)
		}
	}
}

// tryUnseen looks whether a wire's coming and going leaves traces.
func tryUnseen(b *bench) error {
	updates, done := make(chan netlink.LinkUpdate, 1000), make(chan struct{})
	space := netns.NsHandle(b.Host("node1").Network.Fd())
	if err := netlink.LinkSubscribeAt(space, updates, done); err != nil {
		return err
	}
	before, err := b.describe()
	if err != nil {
		return err
	}
	for range 3 {
		w, err := b.begin(wire.Rule{
			Name: "late", Act: wire.Delay, Delay: time.Hour, Match: wire.Match{Direction: wire.FromHost}, Choice: wire.Choice{First: 1},
		})
		if err != nil {
			return err
		}
		if _, err := b.send("node2", "node1", "a"); err != nil {
			return err
		}
		// What waits goes on when the wire ends. The relay has it once what follows it
		// has come.
		if _, err := unix.Write(b.fds["node1"], b.frame("node1", "node2", "waits")); err != nil {
			return err
		}
		passed, err := b.send("node1", "node2", "passes")
		if err := errors.Join(err, w.Remove()); err != nil {
			return err
		}
		waited, err := b.receive("node2", 1)
		if err != nil {
			return err
		}
		if passed != "passes" || waited != "waits" {
			return fmt.Errorf("%q came before the wire's end, and %q after it", passed, waited)
		}
		if _, err := b.send("node1", "node2", "a"); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.out, "node1 was told %d times\n", len(updates))
	close(done)
	after, err := b.describe()
	if err == nil && after == before {
		fmt.Fprintln(b.out, "the switch is as before")
	} else {
		fmt.Fprintf(b.out, "%s\nwas\n%s\n", after, before)
	}
	return err
}

// describe is how the switch and node1 stand.
func (b *bench) describe() (string, error) {
	var all strings.Builder
	for _, space := range []ns.NetNS{b.Switch(), b.Host("node1").Network} {
		err := space.Do(func(ns.NetNS) error {
			for _, command := range []string{"ip -d -o link", "ip address", "nft list ruleset", "bridge link"} {
				words := strings.Fields(command)
				out, err := exec.Command(words[0], words[1:]...).Output()
				if err != nil {
					return fmt.Errorf("%s: %w", command, err)
				}
				all.Write(volatile.ReplaceAll(out, nil))
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// volatile is what changes by itself, or with the number of a port at its bridge.
var volatile = regexp.MustCompile(`(hello_timer|tcn_timer|topology_change_timer|gc_timer|hold_timer|message_age_timer|forward_delay_timer) +[0-9.]+|topology_change(_detected)? [01]|port_(id|no) 0x[0-9a-f]+|designated_port [0-9]+`)
