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
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// figures are what BenchmarkLab is about. Gone is Down and
// what the kernel, which removes namespaces in the background, needs beyond it.
type figures struct {
	Up, Down, Gone, NaiveUp, NaiveDown, NaiveGone, Machine []time.Duration

	// Bytes for each host: how much less memory was available while they stood,
	// and what process 1 takes, its page tables included.
	HostMemory, MachineMemory int
}

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

// bench takes the figures, inside of a sandbox: of so many hosts, so often.
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
		if err := f.lab(hosts); err != nil {
			return err
		}
		if err := f.naive(hosts); err != nil {
			return err
		}
	}
	if err := f.machines(hosts); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

func (f *figures) lab(hosts int) error {
	before, err := available()
	if err != nil {
		return err
	}
	begin := time.Now()
	l, err := lab.Up(many(hosts))
	if err != nil {
		return err
	}
	f.Up = append(f.Up, time.Since(begin))
	after, err := available()
	if err != nil {
		return err
	}
	f.HostMemory = (before - after) / hosts
	begin = time.Now()
	if err := l.Down(); err != nil {
		return err
	}
	f.Down = append(f.Down, time.Since(begin))
	if err := removed(); err != nil {
		return err
	}
	f.Gone = append(f.Gone, time.Since(begin))
	return nil
}

// available is the memory that could be had (MemAvailable of proc_meminfo(5)).
func available() (bytes int, err error) { return memory("/proc/meminfo", "MemAvailable:") }

// memory reads one value of a file in the manner of /proc/meminfo.
func memory(path, key string) (bytes int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), "\n"+key)
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("%s of %s: %w", key, path, err)
	}
	return kib << 10, nil
}

// removed waits until the kernel has removed all namespaces that were closed
// before. It removes those that wait for it together, so the first that is
// closed here may go with them, and the second goes after them.
func removed() error {
	for range 2 {
		if err := removedOne(); err != nil {
			return err
		}
	}
	return nil
}

func removedOne() error {
	const end = "end"
	updates, done := make(chan netlink.LinkUpdate, 100), make(chan struct{})
	defer close(done)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		return err
	}
	space, err := ns.TempNetNS()
	if err != nil {
		return err
	}
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: end}, PeerName: end, PeerNamespace: netlink.NsFd(int(space.Fd())),
	}
	if err := errors.Join(netlink.LinkAdd(pair), space.Close()); err != nil {
		return err
	}
	limit := time.After(time.Minute)
	for {
		select {
		case update := <-updates:
			if update.Header.Type == unix.RTM_DELLINK && update.Attrs().Name == end {
				return nil
			}
		case <-limit:
			return errors.New("a minute later the kernel has not removed a namespace")
		}
	}
}

// naive makes the same hosts by the bare calls, one after another: a network
// namespace, a veth pair into it whose other end is a bridge's port, an
// address, and both ends up. Then it closes the namespaces, the switch's last.
func (f *figures) naive(hosts int) error {
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
	if err := removed(); err != nil {
		return err
	}
	f.NaiveGone = append(f.NaiveGone, time.Since(begin))
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

// machines makes 100 of the hosts able to run processes.
func (f *figures) machines(hosts int) error {
	l, err := lab.Up(many(hosts))
	if err != nil {
		return err
	}
	for _, host := range l.Spec.Hosts[:min(hosts, 100)] {
		begin := time.Now()
		machine, err := l.Host(host.Name).Machine()
		if err != nil {
			return err
		}
		f.Machine = append(f.Machine, time.Since(begin))
		own, err := memory(fmt.Sprintf("/proc/%d/smaps_rollup", machine.PID()), "Pss:")
		if err != nil {
			return err
		}
		tables, err := memory(fmt.Sprintf("/proc/%d/status", machine.PID()), "VmPTE:")
		if err != nil {
			return err
		}
		f.MachineMemory = max(f.MachineMemory, own+tables)
	}
	return l.Down()
}

// BenchmarkLab builds hosts on a bridge and takes them down, beside the bare
// calls in the same run: medians, of 50 for 4 hosts. A machine is what a host
// that runs processes has beyond its links and addresses.
func BenchmarkLab(b *testing.B) {
	for _, size := range []struct{ hosts, runs int }{{4, 50}, {100, 5}, {1000, 3}} {
		b.Run(fmt.Sprintf("hosts=%d", size.hosts), func(b *testing.B) {
			for b.Loop() {
				f := take(b, size.hosts, size.runs)
				b.ReportMetric(median(f.Up), "up-ms")
				b.ReportMetric(median(f.Down), "down-ms")
				b.ReportMetric(median(f.Gone), "gone-ms")
				b.ReportMetric(median(f.NaiveUp), "naive-up-ms")
				b.ReportMetric(median(f.NaiveDown), "naive-down-ms")
				b.ReportMetric(median(f.NaiveGone), "naive-gone-ms")
				b.ReportMetric(median(f.Machine), "machine-ms")
				b.ReportMetric(float64(f.MachineMemory)/1024, "KiB/machine")
				if size.hosts == 1000 { // that of fewer is lost in what others use
					b.ReportMetric(float64(f.HostMemory)/1024, "KiB/host")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// take takes the figures in a sandbox.
func take(b *testing.B, hosts, runs int) (f figures) {
	b.Helper()
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{
		Role: "lab-test", Args: []string{"bench", strconv.Itoa(hosts), strconv.Itoa(runs)},
		Dir: b.TempDir(), Output: &out, Errors: os.Stderr,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := box.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		b.Fatal(err)
	}
	return f
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}
