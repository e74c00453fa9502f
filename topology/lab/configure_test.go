package lab_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"

	"takeover/topology"
	"takeover/topology/file"
	"takeover/topology/lab"
)

// wide builds topologies with all that a Spec may have, and prints what is
// seen in them.
func wide() error {
	return errors.Join(subnets(), bridged(), failing())
}

// failing cannot be built as far as its last host, and is then.
func failing() error {
	spec := four()
	last := &spec.Hosts[3]
	last.Sysctls = []topology.Sysctl{{Name: "net.ipv4.conf.eth0.nothing", Value: "1"}}
	if _, err := lab.Up(spec); err != nil {
		fmt.Println("it fails:", err)
	}
	if err := nothingLeft(); err != nil {
		return err
	}
	last.Sysctls = nil
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	return errors.Join(l.Down(), nothingLeft())
}

// subnets asks the server of the shipped topology through either router.
func subnets() error {
	spec, err := file.OpenShipped("two-subnets")
	if err != nil {
		return err
	}
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	for _, gateway := range []string{"10.0.0.1", "10.0.0.2"} {
		if err := shell(l, "client1", "ip route replace default via "+gateway); err != nil {
			return err
		}
		source, err := askedFrom(l, "client1", "server1", "192.168.1.10:7")
		if err != nil {
			return err
		}
		fmt.Println("through", gateway, "the server is asked from", source)
	}
	return l.Down()
}

// askedFrom connects one host to another, and returns the address that the
// other sees.
func askedFrom(l *lab.Lab, client, server, address string) (string, error) {
	var listener net.Listener
	err := l.Host(server).Network.Do(func(ns.NetNS) (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		return "", err
	}
	defer listener.Close()
	dialed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		dialed <- l.Host(client).Network.Do(func(ns.NetNS) error {
			connection, err := net.DialTimeout("tcp", address, 5*time.Second)
			if err != nil {
				return errors.Join(err, listener.Close())
			}
			return connection.Close()
		})
	}()
	accepted, err := listener.Accept()
	if err := errors.Join(err, <-dialed); err != nil {
		return "", err
	}
	defer accepted.Close()
	return accepted.RemoteAddr().(*net.TCPAddr).IP.String(), nil
}

// bridged is two segments in one broadcast domain, with an MTU of their own.
func bridged() error {
	spec := topology.Spec{
		Name: "bridged",
		Segments: []topology.Segment{
			{Name: "access", Uplinks: []string{"core"}, MTU: 1400}, {Name: "core", MTU: 1400},
		},
		Hosts: []topology.Host{host("one", "access", "10.0.0.1/24"), host("two", "core", "10.0.0.2/24")},
	}
	one := &spec.Hosts[0]
	one.Loopback = append(one.Loopback, prefix("10.9.9.9/32"))
	one.Sysctls = []topology.Sysctl{{Name: "net.ipv4.conf.eth0.arp_ignore", Value: "1"}, {Name: "net/ipv4/conf/lo/arp_announce", Value: "2"}}
	one.Routes = []topology.Route{{To: prefix("10.8.0.0/16"), Interface: "eth0", Metric: 7}}
	one.Files = []topology.File{
		{Path: "/etc/hostname", Text: "covered\n"},
		{Path: "/etc/takeover-test/deep/file", Text: "added\n"},
		{Path: "/run/own", Text: "in run\n"},
	}
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	err = shell(l, "one", `ip link show eth0 | grep -o 'mtu [0-9]*'
		cat /proc/sys/net/ipv4/conf/eth0/arp_ignore /proc/sys/net/ipv4/conf/lo/arp_announce
		ip -br address show lo; ip route show 10.8.0.0/16
		cat /etc/hostname /etc/takeover-test/deep/file /run/own; ls /etc/passwd`)
	if err != nil {
		return err
	}
	source, err := askedFrom(l, "one", "two", "10.0.0.2:7")
	if err != nil {
		return err
	}
	fmt.Println("through the uplink two is asked from", source)
	if err := shell(l, "two", "cat /etc/hostname; ls /etc/takeover-test 2>&1"); err != nil {
		return err
	}
	return l.Down()
}

func TestLabHasAllThatItsSpecSays(t *testing.T) {
	name, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Skip(err)
	}
	out := run(t, "wide")
	for _, want := range []string{
		"through 10.0.0.1 the server is asked from 10.0.0.10\n",
		"through 10.0.0.2 the server is asked from 192.168.1.2\n",
		"through the uplink two is asked from 10.0.0.1\n", "mtu 1400\n1\n2\n", "10.9.9.9/32", "10.8.0.0/16 dev eth0 scope link metric 7",
		"covered\nadded\nin run\n/etc/passwd\n",
		"it fails: host node3: sysctl net.ipv4.conf.eth0.nothing=1: ",
		string(name) + "ls: ", // the other host, and the machine, have what they had
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if _, err := os.Stat("/etc/takeover-test"); err == nil {
		t.Error("the machine has /etc/takeover-test")
	}
	after, err := os.ReadFile("/etc/hostname")
	if err != nil || !bytes.Equal(after, name) {
		t.Errorf("the machine's /etc/hostname is %q, %v", after, err)
	}
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func host(name, segment, address string) topology.Host {
	return topology.Host{Name: name, Links: []topology.Link{{
		Interface: "eth0", Segment: segment, Addresses: []netip.Prefix{prefix(address)},
	}}}
}
