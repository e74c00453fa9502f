package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// scanInterval is how often /proc is looked at where the kernel does not
	// tell of new processes: they are found that late.
	scanInterval = 100 * time.Millisecond
	// scansWhole is the number of scans after which the processes that are
	// known already are read again, too: they may have started another program.
	scansWhole = 20
	// scansYoung is for how many scans a new process is read again each time,
	// since a fork is soon followed by another program.
	scansYoung = 5
	// lossDelay is how long after lost events everything is read again.
	lossDelay = 100 * time.Millisecond
)

// WatchProcesses counts processes until ctx ends. It sends a Result for the
// first judgement of each of all, at once, and for every change. It returns nil
// when ctx has ended, else why it cannot watch.
//
// The end of a process is noticed by its pidfd, at once. A new process is
// noticed at once where the kernel tells of it: in the initial PID and network
// namespaces, with CAP_NET_ADMIN. Elsewhere /proc is looked at every 100 ms;
// note is told why, once. It is also told of failures on the way, and may be
// called from this goroutine only.
func WatchProcesses(ctx context.Context, all []*Processes, results chan<- Result, note func(error)) error {
	return watchProcesses(ctx, all, results, note, openConnector)
}

func watchProcesses(ctx context.Context, all []*Processes, results chan<- Result, note func(error),
	open func() (*connector, error),
) error {
	c := &census{
		note: note, members: make(map[int]*member), ages: make(map[int]int),
		ended: make(chan *member), done: make(chan struct{}),
	}
	for _, p := range all {
		c.tallies = append(c.tallies, newTally(p))
	}
	defer c.close()

	heard, lost := make(chan started), make(chan struct{}, 1)
	var scans <-chan time.Time
	events, err := open()
	if err != nil {
		note(fmt.Errorf("new processes are found by looking every %s: %w", scanInterval, err))
		ticker := time.NewTicker(scanInterval)
		defer ticker.Stop()
		scans = ticker.C
	} else {
		c.events = events
		c.goroutines.Go(func() { c.forward(events, heard, lost) })
	}
	if err := c.scan(true); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for round := 1; ; {
		if !c.report(ctx, results) {
			return nil
		}
		c.setTimer(timer)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case m := <-c.ended:
			c.forget(m)
		case s := <-heard:
			c.start(s)
		case <-lost:
			note(errors.New("process events were lost: all processes are read again"))
			scans = time.After(lossDelay)
		case <-scans:
			if err := c.scan(events != nil || round%scansWhole == 0); err != nil {
				note(err)
			}
			round++
		}
	}
}

// census knows the processes that are counted.
type census struct {
	note    func(error)
	tallies []*tally
	members map[int]*member
	ages    map[int]int // scans since a process was first seen
	newest  string      // the last process number given out, at the last scan
	young   bool        // some processes were young at the last scan

	events     *connector // nil when there are scans instead
	ended      chan *member
	done       chan struct{}
	goroutines sync.WaitGroup
}

// member is a process that counts. Its pidfd makes sure that the number does
// not mean another process meanwhile.
type member struct {
	pid  int
	file *os.File
}

// forward hands on events, in the connector's own goroutine.
func (c *census) forward(events *connector, heard chan<- started, lost chan<- struct{}) {
	events.receive(func(s started) {
		select {
		case heard <- s:
		case <-c.done:
		}
	}, func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	})
}

// report sends every judgement that changed. It is false when ctx ended.
func (c *census) report(ctx context.Context, results chan<- Result) bool {
	now := time.Now()
	for _, t := range c.tallies {
		if !t.judge(now) {
			continue
		}
		r := Result{
			Kind: KindProcesses, Name: t.Name, Up: t.state == Up, First: t.first,
			Number: len(t.pids), Status: t.status(),
		}
		t.first = false
		select {
		case results <- r:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// status is how many there are and should be.
func (t *tally) status() string {
	wanted := fmt.Sprintf("at least %d", t.Quorum)
	switch {
	case t.QuorumMax == t.Quorum:
		wanted = strconv.Itoa(t.Quorum)
	case t.QuorumMax != Unlimited:
		wanted = fmt.Sprintf("%d to %d", t.Quorum, t.QuorumMax)
	}
	return fmt.Sprintf("%d running, %s wanted", len(t.pids), wanted)
}

// setTimer sets the timer to when the next doubt ends, if there is one.
func (c *census) setTimer(timer *time.Timer) {
	timer.Stop()
	var due time.Time
	for _, t := range c.tallies {
		if !t.due.IsZero() && (due.IsZero() || t.due.Before(due)) {
			due = t.due
		}
	}
	if !due.IsZero() {
		timer.Reset(time.Until(due))
	}
}

// start looks at a process that forked or changed. The child of a process that
// does not count is called like that, and does not count either.
func (c *census) start(s started) {
	if s.parent != 0 && c.members[s.parent] == nil {
		return
	}
	c.look(s.pid)
}

// look counts a process in where it belongs, and out elsewhere. A process that
// has ended meanwhile counts nowhere.
func (c *census) look(pid int) {
	m := c.members[pid]
	if m == nil {
		if matches, err := c.read(pid); err != nil || matches == nil {
			return // most processes: no pidfd is needed to see that
		}
		var err error
		if m, err = openMember(pid); err != nil {
			if !errors.Is(err, unix.ESRCH) {
				c.note(err)
			}
			return
		}
	}
	// What is read is of the process of the pidfd, if that still lives
	// afterwards.
	matches, err := c.read(pid)
	if err != nil || matches == nil || m.hasEnded() {
		c.forget(m)
		return
	}
	if c.members[pid] == nil {
		c.members[pid] = m
		c.goroutines.Go(func() { c.await(m) })
	}
	now := time.Now()
	for n, t := range c.tallies {
		if matches[n] {
			t.add(pid, now)
		} else {
			t.remove(pid, now)
		}
	}
}

// forget counts a process out, unless its number is another's by now.
func (c *census) forget(m *member) {
	m.close()
	if c.members[m.pid] != m {
		return
	}
	delete(c.members, m.pid)
	now := time.Now()
	for _, t := range c.tallies {
		t.remove(m.pid, now)
	}
}

// read says to which tallies a process belongs; nil when to none.
func (c *census) read(pid int) (matches []bool, err error) {
	directory := "/proc/" + strconv.Itoa(pid)
	var comm, line []byte
	for n, t := range c.tallies {
		var matched bool
		if t.FullCommand {
			if line == nil {
				if line, err = os.ReadFile(directory + "/cmdline"); err != nil {
					return nil, err
				}
			}
			matched = t.matchCommandLine(line)
		} else {
			if comm == nil {
				if comm, err = os.ReadFile(directory + "/comm"); err != nil {
					return nil, err
				}
			}
			matched = t.matchComm(strings.TrimSuffix(string(comm), "\n"))
		}
		if matched && matches == nil {
			matches = make([]bool, len(c.tallies))
		}
		if matched {
			matches[n] = true
		}
	}
	return matches, nil
}

func openMember(pid int) (*member, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	return &member{pid: pid, file: os.NewFile(uintptr(fd), "pidfd")}, nil
}

func (m *member) close() {
	// The only error is that it is closed already.
	_ = m.file.Close()
}

func (m *member) hasEnded() bool {
	ended := true
	raw, err := m.file.SyscallConn()
	if err != nil {
		return ended
	}
	// The error would be that it is closed.
	_ = raw.Control(func(fd uintptr) { ended = isReadable(fd) })
	return ended
}

func isReadable(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// await tells of the member's end, unless it is closed before.
func (c *census) await(m *member) {
	raw, err := m.file.SyscallConn()
	if err != nil || raw.Read(isReadable) != nil {
		return
	}
	select {
	case c.ended <- m:
	case <-c.done:
	}
}

// close ends all goroutines. Who hands on an event has the connector in use, so
// that its closing waits for done.
func (c *census) close() {
	close(c.done)
	if c.events != nil {
		c.events.close()
	}
	for _, m := range c.members {
		m.close()
	}
	c.goroutines.Wait()
}

// scan looks at the processes of /proc: at all, or only at those that are new
// or young, and at none when none is.
func (c *census) scan(whole bool) error {
	newest := newestProcess()
	if !whole && !c.young && newest == c.newest && newest != "" {
		return nil
	}
	pids, err := runningProcesses()
	if err != nil {
		return fmt.Errorf("look for processes: %w", err)
	}
	ages := make(map[int]int, len(pids))
	c.newest, c.young = newest, false
	for _, pid := range pids {
		age := min(c.ages[pid]+1, scansYoung)
		ages[pid] = age
		c.young = c.young || age < scansYoung
		if whole || age < scansYoung {
			c.look(pid)
		}
	}
	c.ages = ages
	return nil
}

// newestProcess is the last number that was given to a process or thread, the
// fifth field of /proc/loadavg (proc_loadavg(5)); "" when it cannot be read.
func newestProcess() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 5 {
		return ""
	}
	return fields[4]
}

func runningProcesses() ([]int, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
