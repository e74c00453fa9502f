package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a program.
func (l *lab) script(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// notifying is an instance at 100 ms that has everything told to a log, and
// tracks a file.
func (l *lab) notifying(directory string) string {
	l.t.Helper()
	record := l.script(directory+".sh", fmt.Sprintf("echo \"$*\" >> %s", filepath.Join(l.dir, directory+".log")))
	number := filepath.Join(l.dir, directory+".number")
	l.write(number, "0\n")
	var lines strings.Builder
	for _, event := range []string{"master", "backup", "fault", "stop"} {
		fmt.Fprintf(&lines, "notify_%s \"%s %s\"\n", event, record, event)
	}
	path := filepath.Join(l.dir, directory+".conf")
	l.write(path, fmt.Sprintf(`global_defs {
script_user root
}
track_file F {
file %s
weight 0
}
vrrp_instance VI {
interface eth0
version 3
advert_int 0.1
virtual_router_id 7
priority 150
virtual_ipaddress {
10.9.0.100/32
}
track_file {
F
}
notify "%s any"
%s}
`, number, record, lines.String()))
	return path
}

// TestLiveNotifiesAsKeepalived takes vipd and keepalived through the same, one
// after the other, and compares what their scripts are told. keepalived starts
// the two scripts of an event at once, in no order.
func TestLiveNotifiesAsKeepalived(t *testing.T) {
	l := newLab(t)
	told := map[string][]string{}
	for n, name := range []string{"", "vipd", "keepalived"} {
		if n == 0 {
			continue
		}
		configuration := l.notifying(name)
		log := filepath.Join(l.dir, name+".log")
		await := func(text string, times int) {
			t.Helper()
			l.await(10*time.Second, name+" told "+text, func() bool {
				got, _ := os.ReadFile(log) // it may not be there yet
				return strings.Count(string(got), text) >= times
			})
		}
		var s *subject
		if name == "vipd" {
			s = l.vipdWith(n, configuration)
		} else {
			s = l.keepalivedWith(n, configuration)
		}
		await("INSTANCE VI MASTER 150", 1)
		l.write(filepath.Join(l.dir, name+".number"), "1\n")
		await("INSTANCE VI FAULT 150", 1)
		l.write(filepath.Join(l.dir, name+".number"), "0\n")
		await("INSTANCE VI MASTER 150", 2)
		pid, err := os.ReadFile(s.pidFile)
		if err != nil {
			t.Fatal(err)
		}
		var number int
		if _, err := fmt.Sscan(string(pid), &number); err != nil {
			t.Fatal(err)
		}
		s.signal(number, syscall.SIGTERM)
		await("INSTANCE VI STOP 150", 1)
		<-s.ended
		got, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		told[name] = pairs(strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(got)), " ", "_")))
	}
	if !slices.Equal(told["vipd"], told["keepalived"]) || len(told["vipd"]) != 12 {
		t.Errorf("vipd told\n%q\nkeepalived\n%q", told["vipd"], told["keepalived"])
	}
}

// pairs sorts the first two, the next two, and so on.
func pairs(lines []string) []string {
	for pair := range slices.Chunk(lines, 2) {
		slices.Sort(pair)
	}
	return lines
}

// TestLiveAdvertisementsWaitForNoScript runs whatever a script can do to a
// daemon, and a FIFO that nobody reads: no gap between the advertisements of an
// Active at 100 ms is more than 120 ms, but for how late the machine itself was.
func TestLiveAdvertisementsWaitForNoScript(t *testing.T) {
	const interval, longest, span = 100 * time.Millisecond, 120 * time.Millisecond, 6 * time.Second
	l := newLab(t)
	hang := l.script("hang.sh", "trap '' TERM\nwhile :; do sleep 100; done")
	fork := l.script("fork.sh", "for n in 1 2 3 4 5; do sleep 100 & done\nsleep 100")
	flood := l.script("flood.sh", "exec head -c 20000000 /dev/zero")
	fickle := l.script("fickle.sh", fmt.Sprintf("f=%s/flag\nif [ -e $f ]; then rm $f; else : > $f; exit 1; fi", l.dir))
	fifo := filepath.Join(l.dir, "fifo")
	text := fmt.Sprintf("global_defs {\nscript_user root\nvrrp_notify_fifo %s\nvrrp_notify_priority_changes\n}\n", fifo)
	for _, script := range []struct {
		name, path string
		interval   string
	}{{"HANG", hang, "0.5"}, {"FORK", fork, "0.5"}, {"FLOOD", flood, "1"}, {"FICKLE", fickle, "0.02"}} {
		text += fmt.Sprintf("vrrp_script %s {\nscript %s\ninterval %s\ntimeout 0.3\nweight 2\n}\n", script.name, script.path, script.interval)
	}
	text += fmt.Sprintf(`vrrp_instance VI {
interface eth0
version 3
advert_int 0.1
virtual_router_id 7
priority 150
virtual_ipaddress {
10.9.0.100/32
}
track_script {
HANG
FORK
FLOOD
FICKLE
}
notify_backup %s
notify_master %s
notify %s
}
`, hang, fork, flood)
	configuration := filepath.Join(l.dir, "hostile.conf")
	l.write(configuration, text)
	s := l.vipdWith(1, configuration)
	s.awaitLog("to=Active")
	s.awaitLogTimes("priority changed", 10)
	l.overslept.Store(0)
	mark := l.mark()
	l.await(span+5*time.Second, "enough advertisements", func() bool { return len(l.gaps(mark)) >= int(span/interval) })
	gaps := l.gaps(mark)
	worst := slices.Max(gaps)
	late := time.Duration(l.overslept.Load())
	t.Logf("%d gaps, the longest %v; the machine was late by up to %v", len(gaps), worst, late)
	if worst > longest+late {
		t.Errorf("a gap of %v, and the machine was late by %v only", worst, late)
	}
	if transitions := strings.Count(s.logText(), "state changed"); transitions != 2 {
		t.Errorf("%d transitions, want 2", transitions)
	}
}

// gaps are the times between the advertisements of node 1.
func (l *lab) gaps(mark int) []time.Duration {
	var gaps []time.Duration
	var last time.Time
	for _, f := range l.seen.since(mark) {
		if !f.advertisement || f.node != 1 {
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, f.at.Sub(last))
		}
		last = f.at
	}
	return gaps
}
