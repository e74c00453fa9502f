package lab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// figures are the durations that BenchmarkLab is about.
type figures struct{ Up, Down, NaiveUp, NaiveDown []time.Duration }

// many is a segment with so many hosts.
func many(hosts int) topology.Spec {
	spec := topology.Spec{Name: "many", Segments: []topology.Segment{{Name: "lan"}}}
	address := netip.MustParseAddr("10.0.0.0")
	for n := range hosts {
		address = address.Next()
		spec.Hosts = append(spec.Hosts, host(fmt.Sprintf("host%d", n+1), "lan", netip.PrefixFrom(address, 16).String()))
	}
	return spec
}

// bench takes the figures of BenchmarkLab, inside of a sandbox: of so many
// hosts, so often.
func bench(args []string) error {
	hosts, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	runs, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var f figures
	for range runs {
		begin := time.Now()
		l, err := lab.Up(many(hosts))
		if err != nil {
			return err
		}
		f.Up = append(f.Up, time.Since(begin))
		begin = time.Now()
		if err := l.Down(); err != nil {
			return err
		}
		f.Down = append(f.Down, time.Since(begin))
		if err := naive(hosts, &f); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// naive makes the same hosts by the bare calls, one after another: a network
// namespace, a veth pair into it whose other end is a bridge's port, an
// address, and both ends up. Then it closes the namespaces, the switch's last.
func naive(hosts int, f *figures) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := netns.Get()
	if err != nil {
		return err
	}
	defer before.Close()
	begin := time.Now()
	spaces := make([]netns.NsHandle, hosts+1)
	for i := range spaces {
		if spaces[i], err = netns.New(); err != nil {
			return err
		}
	}
	if err := netns.Set(before); err != nil {
		return err
	}
	switches, err := netlink.NewHandleAt(spaces[hosts], unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "lan"}}
	if err := errors.Join(switches.LinkAdd(bridge), switches.LinkSetUp(bridge)); err != nil {
		return err
	}
	address := net.IPv4(10, 0, 0, 0).To4()
	for i := range hosts {
		address[3]++
		if address[3] == 0 {
			address[2]++
		}
		if err := naiveHost(switches, bridge.Index, spaces[i], i, address); err != nil {
			return err
		}
	}
	f.NaiveUp = append(f.NaiveUp, time.Since(begin))
	begin = time.Now()
	switches.Close()
	for i := range spaces {
		if err := spaces[i].Close(); err != nil {
			return err
		}
	}
	f.NaiveDown = append(f.NaiveDown, time.Since(begin))
	return nil
}

func naiveHost(switches *netlink.Handle, bridge int, space netns.NsHandle, i int, address net.IP) error {
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("port%d", i), MasterIndex: bridge},
		PeerName:  "eth0", PeerNamespace: netlink.NsFd(int(space)),
	}
	if err := errors.Join(switches.LinkAdd(pair), switches.LinkSetUp(pair)); err != nil {
		return err
	}
	handle, err := netlink.NewHandleAt(space, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer handle.Close()
	device, err := handle.LinkByName("eth0")
	if err != nil {
		return err
	}
	return errors.Join(
		handle.AddrAdd(device, &netlink.Addr{IPNet: &net.IPNet{IP: address, Mask: net.CIDRMask(16, 32)}}),
		handle.LinkSetUp(device),
	)
}

// BenchmarkLab builds hosts on a bridge and takes them down, beside the bare
// calls in the same run: medians, of 50 for 4 hosts.
func BenchmarkLab(b *testing.B) {
	for _, size := range []struct{ hosts, runs int }{{4, 50}, {100, 5}, {1000, 1}} {
		b.Run(fmt.Sprintf("hosts=%d", size.hosts), func(b *testing.B) {
			for b.Loop() {
				var out bytes.Buffer
				box, err := sandbox.Start(sandbox.Options{
					Role: "lab-test", Args: []string{"bench", strconv.Itoa(size.hosts), strconv.Itoa(size.runs)},
					Dir: b.TempDir(), Output: &out, Errors: os.Stderr,
				})
				if err != nil {
					b.Fatal(err)
				}
				if err := box.Wait(b.Context()); err != nil {
					b.Fatal(err)
				}
				var f figures
				if err := json.Unmarshal(out.Bytes(), &f); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(median(f.Up), "up-ms")
				b.ReportMetric(median(f.Down), "down-ms")
				b.ReportMetric(median(f.NaiveUp), "naive-up-ms")
				b.ReportMetric(median(f.NaiveDown), "naive-down-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}
