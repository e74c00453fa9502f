package impair_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/impair"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(map[string]sandbox.Role{"impair-test": inSandbox, "impair-cuts": cutsInSandbox})
	os.Exit(m.Run())
}

const (
	vrrp     = 112
	neighbor = 113 // any other protocol
)

func inSandbox(args []string) error {
	if _, _, err := sandbox.Enter(args); err != nil {
		return err
	}
	spec := topology.Spec{Name: "two", Segments: []topology.Segment{{Name: "lan"}}}
	for i, name := range []string{"node1", "node2"} {
		spec.Hosts = append(spec.Hosts, topology.Host{Name: name, Links: []topology.Link{{
			Interface: "eth0", Segment: "lan", Addresses: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.0.10%d/24", i+1)), netip.MustParsePrefix(fmt.Sprintf("fd00::10%d/64", i+1)),
			},
		}}})
	}
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	tree, err := impair.Install(l.Switch())
	if err != nil {
		return err
	}
	port := l.Host("node1").Links[0].Port
	for step, drop := range []bool{false, true, false} {
		if step > 0 {
			if err := tree.DropVRRP(port, drop); err != nil {
				return err
			}
		}
		passed4, err4 := passes(l, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{10, 0, 0, 102}})
		passed6, err6 := passes(l, unix.AF_INET6, &unix.SockaddrInet6{Addr: netip.MustParseAddr("fd00::102").As16()})
		if err := errors.Join(err4, err6); err != nil {
			return err
		}
		fmt.Println("drop", drop, "passed", passed4, passed6)
	}
	return l.Down()
}

// passes sends a VRRP packet and then one of another protocol, and says
// whether the first had come when the second did.
func passes(l *lab.Lab, family int, to unix.Sockaddr) (bool, error) {
	raw := func(host string, protocol int) (fd int, err error) {
		err = l.Host(host).Network.Do(func(ns.NetNS) error {
			fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
			return err
		})
		return fd, err
	}
	var fds [4]int
	for i, socket := range []struct {
		host     string
		protocol int
	}{{"node1", vrrp}, {"node1", neighbor}, {"node2", vrrp}, {"node2", neighbor}} {
		fd, err := raw(socket.host, socket.protocol)
		if err != nil {
			return false, err
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	if err := errors.Join(unix.Sendto(fds[0], []byte("first"), 0, to), unix.Sendto(fds[1], []byte("second"), 0, to)); err != nil {
		return false, err
	}
	bound := unix.NsecToTimeval(int64(5 * time.Second))
	if err := unix.SetsockoptTimeval(fds[3], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &bound); err != nil {
		return false, err
	}
	buffer := make([]byte, 100)
	if _, _, err := unix.Recvfrom(fds[3], buffer, 0); err != nil {
		return false, fmt.Errorf("the other protocol did not pass: %w", err)
	}
	_, _, err := unix.Recvfrom(fds[2], buffer, unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}

func TestDropVRRPDropsNothingElse(t *testing.T) {
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{Role: "impair-test", Dir: t.TempDir(), Output: &out, Errors: &out})
	if errors.Is(err, sandbox.ErrNoPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	const want = "drop false passed true true\ndrop true passed false false\ndrop false passed true true\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
