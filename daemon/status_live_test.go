package daemon

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"takeover/daemon/control"
)

// privilegesOf are the lines of /proc/PID/status that tell what a process may.
func privilegesOf(t testing.TB, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if strings.HasPrefix(name, "Cap") || name == "NoNewPrivs" {
			all[name] = strings.TrimSpace(value)
		}
	}
	return all
}

// pidNow is what the pid file says; 0 while it is being written.
func (s *subject) pidNow() int {
	text, _ := os.ReadFile(s.pidFile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// The capabilities that are kept (capabilities(7)): DAC_READ_SEARCH,
// NET_BROADCAST, NET_ADMIN, NET_RAW and SYS_NICE, and for scripts CHOWN,
// DAC_OVERRIDE, FOWNER, KILL, SETGID and SETUID.
const (
	keptAlways     = "0000000000803804"
	keptForScripts = "00000000008038ef"
)

func TestLivePrivilegesAreGivenUp(t *testing.T) {
	l := newLab(t)
	a := l.vipd(1, 250)
	check := func(who string, pid int) {
		t.Helper()
		got := privilegesOf(t, pid)
		if got["CapEff"] != keptAlways || got["CapPrm"] != keptAlways || got["CapBnd"] != keptAlways || got["NoNewPrivs"] != "1" {
			t.Errorf("%s: %v", who, got)
		}
	}
	worker := a.worker()
	check("worker", worker)
	check("guardian", a.guardian())
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	a.signal(worker, syscall.SIGKILL)
	l.await(10*time.Second, "another worker", func() bool { return a.pidNow() != worker && a.pidNow() != 0 })
	mark := l.mark()
	l.awaitFrame(mark, 10*time.Second, "announcement of the next worker", announcementOf(1))
	check("the next worker", a.worker())
	check("its guardian", a.guardian())
}

// What was given up does not keep BFD from running before others.
func TestLivePrivilegesThatBFDNeeds(t *testing.T) {
	l := newLab(t)
	block := "bfd_instance b {\n neighbor_ip 10.9.0.2\n source_ip 10.9.0.1\n}\n"
	a := l.vipdWith(1, l.configure(1, 250, block, ""))
	const favored = "-20" // field 19 of proc_pid_stat(5)
	l.await(5*time.Second, "a thread of nice "+favored, func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", a.worker()))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(threads, func(path string) bool {
			text, _ := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(text), ") ")
			fields := strings.Fields(rest)
			return len(fields) > 16 && fields[16] == favored
		})
	})
}

// A script of root's begins with all that root has, as keepalived's does.
func TestLivePrivilegesThatScriptsNeed(t *testing.T) {
	l := newLab(t)
	seen := filepath.Join(l.dir, "seen")
	script := filepath.Join(l.dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ngrep Cap /proc/self/status > "+seen+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	block := fmt.Sprintf("vrrp_script s {\n script %s\n user root\n}\n", script)
	a := l.vipdWith(1, l.configure(1, 250, block, "track_script {\n s\n }\n"))
	check := func(who string) {
		t.Helper()
		l.await(10*time.Second, "the script has run for "+who, func() bool {
			text, _ := os.ReadFile(seen)
			return strings.Contains(string(text), "CapEff:\t"+privilegesOf(t, os.Getpid())["CapBnd"])
		})
		got := privilegesOf(t, a.worker())
		if got["CapEff"] != keptForScripts || got["NoNewPrivs"] != "0" {
			t.Errorf("%s: %v", who, got)
		}
	}
	check("the worker")
	worker, guardian := a.worker(), a.guardian()
	l.await(5*time.Second, "the guardian gives up what it may", func() bool {
		return privilegesOf(t, guardian)["CapEff"] == keptAlways
	})
	a.signal(worker, syscall.SIGKILL)
	l.await(10*time.Second, "another worker", func() bool { return a.pidNow() == guardian })
	if err := os.Remove(seen); err != nil {
		t.Fatal(err)
	}
	check("the next worker")
}

// watchers are clients that ask much and read nothing.
func watchers(t *testing.T, path string, count int) {
	t.Helper()
	for n := range count {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		request := fmt.Sprintf(`{"version":%d,"request":"status"}`+"\n", control.Version)
		if n%2 == 1 {
			request = fmt.Sprintf(`{"version":%d,"request":"events","follow":true}`+"\n", control.Version)
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		// It may be dropped before all of it is written.
		_, _ = conn.Write([]byte(strings.Repeat(request, 200)))
	}
}

// A log on a full disk, clients that never read, and dumps one after the other:
// the advertisements keep their schedule.
func TestLiveWatchersDoNotDisturb(t *testing.T) {
	l := newLab(t)
	t.Setenv("TMPDIR", l.dir)
	var block strings.Builder // many more, so that a status is large
	for n := range 200 {
		fmt.Fprintf(&block, "vrrp_instance V%d {\n interface eth0\n virtual_router_id %d\n version 3\n advert_int 1\n"+
			" virtual_ipaddress {\n 10.9.1.%d\n }\n}\n", n, n+8, n+1)
	}
	a := l.vipdWith(1, l.configure(1, 250, block.String(), "version 3\n advert_int 0.1\n"), "-g/dev/full")
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	path := strings.TrimSuffix(a.pidFile, ".pid") + ".sock"
	const interval, most = 100 * time.Millisecond, 120 * time.Millisecond
	for attempt := 1; ; attempt++ {
		mark := l.mark()
		watchers(t, path, 6)
		for range 10 {
			a.signal(a.worker(), syscall.SIGUSR1)
			<-time.After(interval) // what is judged is what happens meanwhile
		}
		gap := l.longestGapOf(mark, liveVRID)
		overslept := time.Duration(l.overslept.Load())
		t.Logf("longest gap %s; the machine overslept %s", gap, overslept)
		if gap <= most {
			break
		}
		if overslept < most-interval || attempt == 5 {
			t.Errorf("longest gap %s, want at most %s", gap, most)
			break
		}
	}
	status := l.statusOf(a)
	if status.LogLost == 0 {
		t.Error("no line of the log is counted as lost")
	}
	if len(status.Instances) != 201 {
		t.Errorf("%d instances", len(status.Instances))
	}
}

// longestGapOf is the longest time between two advertisements of node 1 for a
// VRID.
func (l *lab) longestGapOf(mark int, vrid uint8) (longest time.Duration) {
	var before time.Time
	for _, f := range l.seen.since(mark) {
		if f.node != 1 || !f.advertisement || f.vrid != vrid {
			continue
		}
		if !before.IsZero() {
			longest = max(longest, f.at.Sub(before))
		}
		before = f.at
	}
	return longest
}

// statusOf asks a running vipd.
func (l *lab) statusOf(a *subject) control.Status {
	l.t.Helper()
	c, err := control.Dial(l.t.Context(), strings.TrimSuffix(a.pidFile, ".pid")+".sock")
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	status, err := c.Status(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return status
}

// dumpsOf has a daemon write its dumps, and returns their texts by name.
func (l *lab) dumpsOf(a *subject, directory string) map[string]string {
	l.t.Helper()
	dumps := make(map[string]string)
	for name, signal := range map[string]syscall.Signal{"data": syscall.SIGUSR1, "stats": syscall.SIGUSR2, "json": 36} {
		path := filepath.Join(directory, "keepalived."+name)
		a.signal(a.worker(), signal)
		l.await(5*time.Second, path, func() bool {
			text, _ := os.ReadFile(path)
			dumps[name] = string(text)
			switch name {
			case "json":
				return json.Valid(text)
			case "stats":
				return strings.Contains(dumps[name], "Sent: ") && strings.Count(dumps[name], "Sent: ") == 2
			}
			return strings.Contains(dumps[name], "Notify priority changes = false")
		})
	}
	return dumps
}

// instanceKeys are the keys of the VRRP Instance blocks.
func instanceKeys(data string) []string {
	keys := make(map[string]bool)
	within := false
	for line := range strings.Lines(data) {
		if !strings.HasPrefix(line, "   ") {
			within = strings.HasPrefix(line, " VRRP Instance = ")
		}
		if !within || strings.HasPrefix(line, "     ") {
			continue
		}
		key, _, _ := strings.Cut(strings.TrimSpace(line), " =")
		for _, form := range []string{"fd_in ", "Multicast address ", "Virtual IP (", "Check unicast src"} {
			if strings.HasPrefix(key, form) {
				key = form
			}
		}
		keys[key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// statsKeys are the keys of keepalived.stats with their indentation.
func statsKeys(stats string) []string {
	var keys []string
	for line := range strings.Lines(stats) {
		key, _, _ := strings.Cut(line, ":")
		keys = append(keys, key)
	}
	return keys
}

// jsonKeys are the keys of the first instance.
func jsonKeys(t testing.TB, text string) []string {
	t.Helper()
	var all []map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for object, fields := range all[0] {
		for name, value := range fields {
			keys = append(keys, fmt.Sprintf("%s.%s %T", object, name, value))
		}
	}
	slices.Sort(keys)
	return keys
}

// The dumps have the keys, the indentation and the types of keepalived's.
func TestLiveDumpsAreThoseOfKeepalived(t *testing.T) {
	l := newLab(t)
	blocks := "vrrp_script s {\n script /bin/true\n user root\n weight 1\n}\n"
	lines := "track_script {\n s\n }\n virtual_ipaddress_excluded {\n fd00::1/64\n }\n preempt_delay 3\n"
	var dumps []map[string]string
	for n := range 2 {
		directory := filepath.Join(l.dir, "dumps"+strconv.Itoa(n))
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", directory)
		configuration := l.configure(n+1, 150, blocks, lines)
		var a *subject
		if n == 0 {
			a = l.keepalivedWith(1, configuration)
		} else {
			a = l.vipdWith(2, configuration)
		}
		l.await(10*time.Second, "address", func() bool { return l.holds(n + 1) })
		dumps = append(dumps, l.dumpsOf(a, directory))
		a.signal(a.worker(), syscall.SIGTERM)
		<-a.ended
	}
	keepalived, vipd := dumps[0], dumps[1]
	// vipd has no numbers of descriptors to tell.
	theirs := slices.DeleteFunc(instanceKeys(keepalived["data"]), func(key string) bool { return key == "fd_in " })
	want(t, "keys of keepalived.data", instanceKeys(vipd["data"]), theirs)
	want(t, "keys of keepalived.stats", statsKeys(vipd["stats"]), statsKeys(keepalived["stats"]))
	want(t, "keys of keepalived.json", jsonKeys(t, vipd["json"]), jsonKeys(t, keepalived["json"]))
}
