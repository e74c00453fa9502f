package daemon

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// A worker at 1 s pledges to be back after an interval, and is tolerated for
// one; when it is stopped right after its last advertisement, it may not have
// pledged that yet. The next cause, Active_Down_Interval, is 3.06 s.
const (
	hangsMin = time.Second
	hangsMax = 2 * time.Second
)

func TestLiveGuardianReleasesForAStoppedWorker(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	b := l.vipd(2, 240)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	l.await(time.Second, "the address is set", func() bool { return l.holds(1) })
	worker, standby := a.worker(), b.worker()
	// Just after an advertisement, so that it is known to be the last.
	mark := l.mark()
	last := l.awaitFrame(mark, 2*time.Second, "advertisement of node 1", advertisementOf(1, 250))
	a.signal(worker, syscall.SIGSTOP)
	farewell := l.awaitFrame(mark, 5*time.Second, "priority 0 of node 1", advertisementOf(1, 0))
	taken := l.awaitFrame(mark, time.Second, "announcement of node 2", announcementOf(2))
	held := l.holds(1)
	if silent := farewell.at.Sub(last.at); silent < hangsMin-time.Millisecond || silent > hangsMax+time.Second {
		t.Errorf("last advertisement to priority 0: %s, want %s to %s", silent, hangsMin, hangsMax)
	}
	l.explained("priority 0 to taken over", taken.at.Sub(farewell.at), skew(240))
	if held {
		t.Error("node 1 still held the address when node 2 had taken it")
	}
	a.awaitLog("worker died")
	if err := syscall.Kill(worker, 0); err == nil {
		t.Error("the worker is still there")
	}
	a.awaitLogTimes("msg=ready", 2)
	a.awaitLogTimes("guardian started", 2)
	mark = l.mark()
	l.awaitFrame(mark, 6*time.Second, "announcement of node 1", announcementOf(1))
	if b.worker() != standby {
		t.Error("node 2 was restarted, too")
	}
}

// A Backup that hangs could not take over.
func TestLiveStoppedBackupIsReplaced(t *testing.T) {
	l := newLab(t)
	l.vipd(1, 250)
	b := l.vipd(2, 240)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	mark := l.mark()
	b.signal(b.worker(), syscall.SIGSTOP)
	b.awaitLogTimes("msg=ready", 2)
	for _, f := range l.seen.since(mark) {
		if f.node == 2 {
			t.Errorf("node 2 sent %+v", f)
		}
	}
}

// Who stops a worker in a debugger wants it back.
func TestLiveStoppedWorkerIsLeftAloneWithoutAWatchdog(t *testing.T) {
	l := newLab(t)
	a := l.vipdWith(1, l.configure(1, 250, "", ""), "--no-watchdog")
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	worker := a.worker()
	a.signal(worker, syscall.SIGSTOP)
	mark := l.mark()
	if f, seen := l.firstFrame(mark, 2*hangsMax, advertisementOf(1, 0)); seen {
		t.Errorf("released: %+v", f)
	}
	mark = l.mark()
	a.signal(worker, syscall.SIGCONT)
	l.awaitFrame(mark, 5*time.Second, "advertisement of node 1", advertisementOf(1, 250))
	l.await(5*time.Second, "the address is set again, its lease having ended", func() bool { return l.holds(1) })
	if a.worker() != worker || strings.Contains(a.logText(), "worker died") {
		t.Error("the worker was replaced")
	}
	// The guardian still acts on a death.
	mark = l.mark()
	a.signal(worker, syscall.SIGKILL)
	l.awaitFrame(mark, time.Second, "priority 0 of node 1", advertisementOf(1, 0))
}

// A node that was paused as a whole is not to blame.
func TestLiveStoppedTogetherNobodyIsBlamed(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	worker, guardian := a.worker(), a.guardian()
	// The order in which both are let go is another each time.
	for _, order := range [][2]int{{worker, guardian}, {guardian, worker}} {
		a.signal(guardian, syscall.SIGSTOP)
		a.signal(worker, syscall.SIGSTOP)
		<-time.After(2 * hangsMax) // they must be late, and nothing tells of it
		mark := l.mark()
		a.signal(order[0], syscall.SIGCONT)
		a.signal(order[1], syscall.SIGCONT)
		first := l.awaitFrame(mark, 5*time.Second, "advertisement of node 1", advertisementOf(1, 250))
		l.awaitFrame(mark, 5*time.Second, "another one, later", func(f frame) bool {
			return advertisementOf(1, 250)(f) && f.at.Sub(first.at) > hangsMax
		})
		for _, f := range l.seen.since(mark) {
			if advertisementOf(1, 0)(f) {
				t.Error("priority 0 was sent")
			}
		}
	}
	if a.worker() != worker || a.guardian() != guardian {
		t.Error("a process was replaced")
	}
	if strings.Contains(a.logText(), "worker died") || !l.holds(1) {
		t.Error("the guardian blamed its worker")
	}
}

func TestLiveStoppedGuardianIsReplaced(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	first, worker := a.guardian(), a.worker()
	a.signal(first, syscall.SIGSTOP)
	a.awaitLogTimes("guardian started", 2)
	if a.worker() != worker || a.guardian() == first {
		t.Error("the worker was replaced, or the guardian was not")
	}
	// The new one knows what the worker holds, and watches it.
	mark := l.mark()
	a.signal(worker, syscall.SIGSTOP)
	l.awaitFrame(mark, 5*time.Second, "priority 0 of node 1", advertisementOf(1, 0))
}
