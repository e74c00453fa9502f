package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// hostsDirectory has a directory for each host with the files of its
// processes.
const hostsDirectory = "hosts"

// serviceFiles are a service's files in the shared directory, and its PID's in
// the host's own /run.
type serviceFiles struct {
	directory, config, pid, log string
}

// service is a process of the topology in its host, and what runs of it now.
type service struct {
	arrangement
	host   *lab.Host
	files  serviceFiles
	offset time.Duration // of its clocks

	mu       sync.Mutex
	process  *sandbox.Process
	expected map[int]bool // PIDs whose end is the fault's doing
	killed   []sandbox.Info
}

// newService writes the files that the program reads.
func newService(a arrangement, host *lab.Host) (*service, error) {
	directory := filepath.Join(sandbox.Dir, hostsDirectory, a.on.Name)
	v := &service{
		arrangement: a, host: host, expected: map[int]bool{},
		files: serviceFiles{
			directory: directory,
			config:    filepath.Join(directory, a.configFile),
			pid:       filepath.Join("/run", a.name+".pid"),
			log:       filepath.Join(directory, a.name+".log"),
		},
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	if a.configFile == "" {
		return v, nil
	}
	return v, os.WriteFile(v.files.config, []byte(a.config(v)), 0o644)
}

// environment is what programs in hosts see of it: nothing of the user's.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "TZ=UTC"}
}

// start runs the program with its output going to its log, and records its
// start and end. The log of a VRRP daemon is followed for transitions.
func (v *service) start(s *Stand) error {
	machine, err := v.host.Machine()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(v.files.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := sandbox.Command{
		Name: v.program, Path: v.path, Args: v.args(v), Output: log,
		Env: append(environment(), v.spec.Environment...),
	}
	if v.isDaemon() {
		writer, err := v.follow(s)
		if err != nil {
			return err
		}
		defer writer.Close()
		command.Output = writer
	}
	if v.offset != 0 {
		command.Path, command.Args = shifted(v.offset, command.Path, command.Args)
	}
	process, err := machine.Start(command)
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.process = process
	v.mu.Unlock()
	s.log.Append(s.clock.Now(), v.on.Name, history.ProcessStart{Name: command.Name, PID: process.PID, Args: command.Args})
	go v.watch(s, process)
	return nil
}

// follow returns what takes a daemon's log: it is kept, and its transitions go
// to the history.
func (v *service) follow(s *Stand) (io.WriteCloser, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	copyTo, err := os.OpenFile(v.files.log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	go func() {
		defer reader.Close()
		defer copyTo.Close()
		if err := probe.Transitions(s.clock, s.log, reader, probe.TransitionOptions{Host: v.on.Name, Copy: copyTo}); err != nil {
			s.note("%s: read the log of %s: %v", v.on.Name, v.name, err)
		}
	}()
	return writer, nil
}

// watch records the end of a process, and tells the Stand when it came of
// itself.
func (v *service) watch(s *Stand, process *sandbox.Process) {
	exit, err := probe.WatchProcess(s.clock, s.log, probe.ProcessOptions{
		Host: v.on.Name, Name: process.Name, PID: process.PID, Status: process.Status,
	})
	<-process.Done()
	if err != nil { // it ended before it could be watched
		s.log.Append(s.clock.Now(), v.on.Name, history.ProcessExit{Name: process.Name, PID: process.PID, Status: process.Status()})
	} else if err := exit.Close(); err != nil {
		s.note("%v", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	done := v.spec.Kind == topology.ProcessCommand && process.Status() == exitedWell
	if !v.expected[process.PID] && !done {
		s.processEnded(fmt.Errorf("%s on %s ended by itself: %s", process.Name, v.on.Name, process.Status()))
	}
}

// exitedWell is the Status of a process that did what it had to do.
const exitedWell = "exit status 0"

// expect says that the end of what runs is wanted, and returns it.
func (v *service) expect() *sandbox.Process {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.process != nil {
		v.expected[v.process.PID] = true
	}
	return v.process
}

// running is what runs now or ran last; nil before the first start.
func (v *service) running() *sandbox.Process {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.process
}

// tail returns the last lines of a file, indented, or "" when there are none.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "    " + strings.Join(all, "\n    ")
}

// diagnosis shows the ends of the service's logs.
func (v *service) diagnosis() string {
	var parts []string
	for _, log := range []struct{ name, path string }{
		{v.name, v.files.log},
		{v.name + "'s errors", filepath.Join(v.files.directory, v.name+"-error.log")},
	} {
		if text := tail(log.path, 5); text != "" {
			parts = append(parts, fmt.Sprintf("  last lines of %s on %s:\n%s", log.name, v.on.Name, text))
		}
	}
	return strings.Join(parts, "\n")
}
