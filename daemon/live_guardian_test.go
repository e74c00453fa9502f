package daemon

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLiveGuardianReleasesForAKilledWorker(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	l.vipd(2, 240)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	l.await(time.Second, "the address is set", func() bool { return l.holds(1) })
	mark, killed := l.mark(), time.Now()
	a.signal(a.worker(), syscall.SIGKILL)
	farewell := l.awaitFrame(mark, time.Second, "priority 0 of node 1", advertisementOf(1, 0))
	taken := l.awaitFrame(mark, time.Second, "announcement of node 2", announcementOf(2))
	held := l.holds(1)
	l.explained("killed to priority 0", farewell.at.Sub(killed), 0)
	l.explained("killed to taken over", taken.at.Sub(killed), skew(240))
	if held {
		t.Error("node 1 still held the address when node 2 had taken it")
	}
	a.awaitLogTimes("msg=ready", 2)
	mark = l.mark()
	l.awaitFrame(mark, 6*time.Second, "announcement of node 1", announcementOf(1))
}

// The guardian's farewell is authenticated when it is sent. A Backup that took
// it for a replay would wait for its whole Active_Down_Interval.
func TestLiveFarewellIsAuthenticated(t *testing.T) {
	const ah = "authentication {\n auth_type AH\n auth_pass " + livePass + "\n }\n"
	for _, peer := range []string{"vipd", "keepalived"} {
		t.Run(peer, func(t *testing.T) {
			l := newLab(t)
			f := figure{version: 2, interval: "1", instance: ah}
			a := l.run(1, "vipd", f)
			l.run(2, peer, f)
			l.awaitFrame(0, 10*time.Second, "announcement of node 1", announcementOf(1))
			mark := l.mark()
			for range 2 {
				l.awaitFrame(mark, 5*time.Second, "advertisement of node 1", advertisementOf(1, 250))
				mark = l.mark()
			}
			killed := time.Now()
			a.signal(a.worker(), syscall.SIGKILL)
			farewell := l.awaitFrame(mark, time.Second, "priority 0 of node 1", advertisementOf(1, 0))
			taken := l.awaitFrame(mark, 5*time.Second, "announcement of node 2", announcementOf(2))
			l.explained("killed to priority 0", farewell.at.Sub(killed), 0)
			l.explained("killed to taken over", taken.at.Sub(killed), skew(240))
		})
	}
}

func TestLiveKilledGuardianIsReplaced(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	first := a.guardian()
	a.signal(first, syscall.SIGKILL)
	a.awaitLogTimes("guardian started", 2)
	second := a.guardian()
	if first == second {
		t.Fatal("the guardian is the same")
	}
	if n := strings.Count(a.logText(), "state changed"); n != 2 {
		t.Errorf("%d transitions, want 2", n)
	}
	// The new one knows what the worker holds.
	mark := l.mark()
	a.signal(a.worker(), syscall.SIGKILL)
	l.awaitFrame(mark, time.Second, "priority 0 of node 1", advertisementOf(1, 0))
}

func TestLiveTerminatedTogetherReleasesOnce(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	mark := l.mark()
	for _, pid := range l.pids(1) {
		a.signal(pid, syscall.SIGTERM)
	}
	<-a.ended
	l.await(time.Second, "no process is left", func() bool { return len(l.pids(1)) == 0 })
	farewells := 0
	for _, f := range l.seen.since(mark) {
		if advertisementOf(1, 0)(f) {
			farewells++
		}
	}
	if farewells != 1 {
		t.Errorf("%d times priority 0, want 1", farewells)
	}
	if l.holds(1) {
		t.Error("the address is still held")
	}
	if strings.Contains(a.logText(), "worker died") {
		t.Error("the guardian took the orderly end for a death")
	}
}
