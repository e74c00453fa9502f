package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// BenchmarkLiveTakeover measures the time that vipd, and keepalived where it
// is installed, add to Skew_Time between an Active's priority 0 and their own
// first gratuitous ARP. The Active of priority 254 is made up on node 1.
//
// Run it on an idle machine: go test -run '^$' -bench LiveTakeover
// -benchtime 200x ./daemon
func BenchmarkLiveTakeover(b *testing.B) {
	// settling lets what the last takeover left to do come to its end.
	const settling = 200 * time.Millisecond
	subjects := []struct {
		name  string
		start func(l *lab) *subject
	}{
		{"vipd", func(l *lab) *subject { return l.vipd(2, 250) }},
		{"keepalived", func(l *lab) *subject { return l.keepalived(2, 250) }},
	}
	for _, s := range subjects {
		b.Run(s.name, func(b *testing.B) {
			l := newLab(b)
			s.start(l)
			l.awaitFrame(0, 8*time.Second, "announcement of node 2", announcementOf(2))
			speak := l.speaker(b)
			var advert, overheads []time.Duration
			for b.Loop() {
				speak(254)
				l.await(time.Second, "node 2 yields", func() bool { return !l.holds(2) })
				<-time.After(settling)
				mark := l.mark()
				speak(0)
				from := l.awaitFrame(mark, time.Second, "priority 0", advertisementOf(1, 0))
				first := l.awaitFrame(mark, time.Second, "advertisement", advertisementOf(2, 250))
				to := l.awaitFrame(mark, time.Second, "announcement", announcementOf(2))
				advert = append(advert, first.at.Sub(from.at)-skew(250))
				overheads = append(overheads, to.at.Sub(from.at)-skew(250))
			}
			report(b, "advert", advert)
			report(b, "garp", overheads)
		})
	}
}

// BenchmarkLateness measures how late a time.Timer and an Alarm are in an idle
// process.
func BenchmarkLateness(b *testing.B) {
	const wait = 20*time.Millisecond + 300*time.Microsecond
	b.Run("timer", func(b *testing.B) {
		var late []time.Duration
		for b.Loop() {
			due := time.Now().Add(wait)
			<-time.NewTimer(wait).C
			late = append(late, time.Since(due))
		}
		report(b, "late", late)
	})
	b.Run("alarm", func(b *testing.B) {
		alarm, err := transport.NewAlarm()
		if err != nil {
			b.Fatal(err)
		}
		defer alarm.Close()
		var late []time.Duration
		for b.Loop() {
			due := time.Now().Add(wait)
			if err := alarm.Set(due); err != nil {
				b.Fatal(err)
			}
			<-alarm.C()
			late = append(late, time.Since(due))
		}
		report(b, "late", late)
	})
}

func report(b *testing.B, name string, samples []time.Duration) {
	slices.Sort(samples)
	for _, q := range []int{50, 99} {
		value := samples[min(len(samples)*q/100, len(samples)-1)]
		b.ReportMetric(float64(value)/float64(time.Microsecond), fmt.Sprintf("%s-p%d-µs", name, q))
	}
}

// speaker returns a function that sends an advertisement in node 1's name.
func (l *lab) speaker(b *testing.B) func(priority uint8) {
	b.Helper()
	type result struct {
		sender *transport.Sender
		err    error
	}
	opened := make(chan result)
	go func() {
		runtime.LockOSThread() // for good: the thread stays in the namespace
		ns, err := os.Open("/run/netns/" + l.names + "1")
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err != nil {
			opened <- result{nil, err}
			return
		}
		sender, err := transport.NewSender()
		opened <- result{sender, err}
	}()
	r := <-opened
	if r.err != nil {
		b.Fatal(r.err)
	}
	b.Cleanup(r.sender.Close)
	var index int
	out, err := exec.Command("ip", "netns", "exec", l.names+"1", "cat", "/sys/class/net/eth0/ifindex").Output()
	if err == nil {
		_, err = fmt.Sscan(string(out), &index)
	}
	if err != nil {
		b.Fatal(err)
	}
	source := netip.MustParseAddr("10.9.0.1")
	return func(priority uint8) {
		payload, err := vrrp.Encode(vrrp.Advertisement{
			Version: vrrp.Version2, VRID: liveVRID, Priority: priority, Interval: time.Second,
			Addresses:      []netip.Addr{netip.MustParsePrefix(liveAddress).Addr()},
			Authentication: passwordOf(livePass),
		}, source, transport.Group())
		if err == nil {
			err = r.sender.Send(index, source, payload)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
