//go:build linux

package probe

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// UsagePeriod is how often usage is looked at.
const UsagePeriod = time.Second

// Daemon is one whose usage is watched.
type Daemon struct {
	Host string
	Name string
	PID  int // of its first process
}

// WatchUsage appends what each of the daemons uses, every UsagePeriod
// ([history.Usage]). daemons returns those that run now; one that is gone is left
// out. Of its children those count that were there the time before as well.
func WatchUsage(clock Clock, log *history.Log, daemons func() []Daemon) *Watch {
	quit := make(chan struct{})
	return watch(func() { close(quit) }, func() error {
		ticker := time.NewTicker(UsagePeriod)
		defer ticker.Stop()
		before := map[int]bool{} // processes
		for {
			now := map[int]bool{}
			for _, d := range daemons() {
				at := clock.Now()
				u := history.Usage{Name: d.Name, PID: d.PID}
				for _, pid := range descendants(d.PID) {
					now[pid] = true
					if pid == d.PID || before[pid] {
						u = addProcess(u, pid)
					}
				}
				if u.Processes > 0 {
					log.Append(at, d.Host, u)
				}
			}
			before = now
			select {
			case <-quit:
				return nil
			case <-ticker.C:
			}
		}
	})
}

// descendants are a process and all below it: proc_pid_task_tid_children(5). What
// ends meanwhile is missing.
func descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		directory := fmt.Sprintf("/proc/%d/task", all[i])
		tasks, err := os.ReadDir(directory)
		if err != nil {
			continue
		}
		for _, task := range tasks {
			text, err := os.ReadFile(directory + "/" + task.Name() + "/children")
			if err != nil {
				continue
			}
			for field := range strings.FieldsSeq(string(text)) {
				if child, err := strconv.Atoi(field); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// addProcess adds what a process uses. One that is gone adds nothing.
func addProcess(u history.Usage, pid int) history.Usage {
	directory := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(directory + "/status")
	if err != nil {
		return u
	}
	descriptors, err := os.ReadDir(directory + "/fd")
	if err != nil {
		return u
	}
	u.Processes++
	u.Descriptors += len(descriptors)
	u.Threads += statusNumber(status, "Threads:")
	u.AnonKiB += statusNumber(status, "RssAnon:")
	return u
}

// statusNumber is a number of proc_pid_status(5); 0 when it is not there.
func statusNumber(status []byte, name string) int {
	_, rest, found := bytes.Cut(status, []byte("\n"+name))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	number, err := strconv.Atoi(string(fields[0]))
	if err != nil {
		return 0
	}
	return number
}
