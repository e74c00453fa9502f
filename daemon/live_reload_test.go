package daemon

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edited is a configuration that a test edits at random: some instances stay,
// whatever else becomes of them, and others come and go.
type edited struct {
	random    *rand.Rand
	instances []editedInstance
}

type editedInstance struct {
	number   int
	stays    bool
	isThere  bool
	priority int
	repeat   int  // garp_master_repeat
	more     bool // a second address
	tracks   bool // a file that says 0
}

const (
	editedInstances = 20
	editedStaying   = 16
)

func newEdited(seed uint64) *edited {
	e := &edited{random: rand.New(rand.NewPCG(seed, 0))}
	for n := range editedInstances {
		e.instances = append(e.instances, editedInstance{
			number: n + 1, stays: n < editedStaying, isThere: n < editedStaying, priority: 150, repeat: 1,
		})
	}
	return e
}

// edit changes one instance in one way.
func (e *edited) edit() {
	i := &e.instances[e.random.IntN(len(e.instances))]
	switch e.random.IntN(5) {
	case 0:
		i.more = !i.more
	case 1:
		i.priority = 150 + e.random.IntN(50)
	case 2:
		i.repeat = 1 + e.random.IntN(3)
	case 3:
		i.tracks = !i.tracks
	case 4:
		i.isThere = i.stays || !i.isThere
	}
}

// text is the configuration. The instances stand in any order.
func (e *edited) text(file string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "track_file F {\nfile %s\nweight 1\n}\n", file)
	for _, n := range e.random.Perm(len(e.instances)) {
		i := e.instances[n]
		if !i.isThere {
			continue
		}
		fmt.Fprintf(&text, "vrrp_instance V%d {\ninterface eth0\nversion 3\nadvert_int 0.1\nvirtual_router_id %d\n", i.number, i.number)
		fmt.Fprintf(&text, "priority %d\ngarp_master_delay 0\ngarp_master_repeat %d\nvirtual_ipaddress {\n%s\n", i.priority, i.repeat, i.address(1))
		if i.more {
			fmt.Fprintln(&text, i.address(2))
		}
		text.WriteString("}\n")
		if i.tracks {
			text.WriteString("track_file {\nF\n}\n")
		}
		text.WriteString("}\n")
	}
	return text.String()
}

func (i editedInstance) address(which int) string {
	return fmt.Sprintf("10.9.%d.%d/32", which, i.number)
}

// TestLiveReloadUnderLoad edits a configuration 200 times, one edit each 100 ms,
// and has vipd reload it while its instances advertise every 100 ms: nothing
// but the edited changes, and nothing grows.
func TestLiveReloadUnderLoad(t *testing.T) {
	const edits, pace = 200, 100 * time.Millisecond
	l := newLab(t)
	e := newEdited(uint64(time.Now().UnixNano()))
	file := filepath.Join(l.dir, "number")
	configuration := filepath.Join(l.dir, "edited.conf")
	l.write(file, "0\n")
	l.write(configuration, e.text(file))
	s := l.vipdWith(1, configuration)
	s.awaitLogTimes("to=Active", editedStaying)
	changed := l.monitorAddresses(1)

	worker := s.worker()
	var halfway footprint
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := range edits {
		e.edit()
		l.write(configuration, e.text(file))
		s.signal(worker, syscall.SIGHUP)
		s.awaitLogTimes("configuration reloaded", n+1)
		if n == edits/2 {
			halfway = s.footprint(worker)
		}
		<-ticker.C
	}
	last := s.footprint(worker)
	for _, i := range e.instances {
		l.await(5*time.Second, fmt.Sprintf("addresses of V%d are as configured", i.number), func() bool {
			has := l.output("-n", l.names+"1", "addr", "show", "dev", "eth0")
			return strings.Contains(has, i.address(1)) == i.isThere && strings.Contains(has, i.address(2)) == (i.isThere && i.more)
		})
		transitions := strings.Count(s.logText(), fmt.Sprintf("msg=\"state changed\" instance=V%d ", i.number))
		if i.stays && transitions != 2 {
			t.Errorf("V%d changed its state %d times, want 2", i.number, transitions)
		}
		if i.stays && strings.Contains(changed("Deleted"), i.address(1)) {
			t.Errorf("%s was removed", i.address(1))
		}
	}
	if s.worker() != worker {
		t.Error("the worker was replaced")
	}
	t.Logf("footprint after %d edits %+v, after %d %+v", edits/2, halfway, edits, last)
	if last.descriptors > halfway.descriptors+2 || last.goroutines > halfway.goroutines+2 {
		t.Errorf("grew from %+v to %+v", halfway, last)
	}
	if limit := halfway.residentKiB + halfway.residentKiB/4; last.residentKiB > limit {
		t.Errorf("grew from %d KiB to %d", halfway.residentKiB, last.residentKiB)
	}
}

// TestLiveReloadRefused reloads a file with an error: it is named, and the
// former configuration goes on.
func TestLiveReloadRefused(t *testing.T) {
	l := newLab(t)
	configuration := l.configure(1, 150, "", "")
	s := l.vipdWith(1, configuration)
	s.awaitLog("to=Active")
	text, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	for spoiled, said := range map[string]string{
		"interfaces eth0": `unknown keyword \"interfaces\"`, "interface eth9": "interface eth9 does not exist",
	} {
		l.write(configuration, strings.Replace(string(text), "interface eth0", spoiled, 1))
		s.signal(s.worker(), syscall.SIGHUP)
		s.awaitLog(said)
	}
	if !l.holds(1) {
		t.Error("the address is gone")
	}
	l.write(configuration, string(text))
	s.signal(s.worker(), syscall.SIGHUP)
	s.awaitLog("configuration reloaded")
	if transitions := strings.Count(s.logText(), "state changed"); transitions != 2 {
		t.Errorf("%d transitions, want 2", transitions)
	}
}

// TestLiveRestartWithAWrongFile kills the worker while its file is wrong: the next
// one goes on with what was in force.
func TestLiveRestartWithAWrongFile(t *testing.T) {
	l := newLab(t)
	configuration := l.configure(1, 150, "", "")
	s := l.vipdWith(1, configuration)
	s.awaitLog("to=Active")
	text, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	l.write(configuration, strings.Replace(string(text), "priority 150", "priority 151", 1))
	s.signal(s.worker(), syscall.SIGHUP)
	s.awaitLog("configuration reloaded")
	l.write(configuration, "vrrp_instance VI {\n")
	for n := range 2 {
		s.signal(s.worker(), syscall.SIGKILL)
		s.awaitLogTimes("configuration is wrong, the one that was in force goes on", n+1)
		s.awaitLogTimes("to=Active", n+2)
	}
	mark := l.mark()
	l.awaitFrame(mark, 5*time.Second, "advertisement at the priority that was in force", func(f frame) bool {
		return f.advertisement && f.priority == 151
	})
}

// write replaces a file at once: who reads it meanwhile reads one or the other.
func (l *lab) write(path, text string) {
	l.t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		l.t.Fatal(err)
	}
}

// monitorAddresses returns what says, later, which addresses of node n changed
// since: the lines of ip-monitor(8) that begin with a word.
func (l *lab) monitorAddresses(n int) (changed func(word string) string) {
	l.t.Helper()
	path := filepath.Join(l.dir, fmt.Sprintf("monitor-%d", n))
	log, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	monitor := exec.Command("ip", "-n", l.names+strconv.Itoa(n), "-o", "monitor", "address")
	monitor.Stdout = log
	if err := monitor.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = monitor.Process.Kill(); _ = monitor.Wait() })
	l.ip("-n", l.names+strconv.Itoa(n), "addr", "add", "10.9.9.9/32", "dev", "lo")
	text := func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			l.t.Fatal(err)
		}
		return string(text)
	}
	l.await(5*time.Second, "addresses are monitored", func() bool {
		if strings.Contains(text(), "10.9.9.9") {
			return true
		}
		l.ip("-n", l.names+strconv.Itoa(n), "addr", "replace", "10.9.9.9/32", "dev", "lo")
		return false
	})
	return func(word string) string {
		var found []string
		for line := range strings.Lines(text()) {
			if strings.HasPrefix(line, word) {
				found = append(found, line)
			}
		}
		return strings.Join(found, "")
	}
}

// footprint is what a process takes.
type footprint struct{ descriptors, goroutines, residentKiB int }

var goroutinesLogged = regexp.MustCompile(`goroutines=(\d+)`)

// footprint is that of a process of the subject, which logs its goroutines at
// each reload.
func (s *subject) footprint(pid int) (f footprint) {
	s.lab.t.Helper()
	s.lab.await(5*time.Second, "the goroutines are logged", func() bool {
		return strings.Count(s.logText(), "goroutines=") == strings.Count(s.logText(), "configuration reloaded")
	})
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		s.lab.t.Fatal(err)
	}
	f.descriptors = len(entries)
	all := goroutinesLogged.FindAllStringSubmatch(s.logText(), -1)
	f.goroutines, _ = strconv.Atoi(all[len(all)-1][1])
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		s.lab.t.Fatal(err)
	}
	fields := strings.Fields(string(status))
	if n := slices.Index(fields, "VmRSS:"); n >= 0 {
		f.residentKiB, _ = strconv.Atoi(fields[n+1])
	}
	return f
}
