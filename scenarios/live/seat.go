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

	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// seatFiles are a node's files in the trial's directory.
type seatFiles struct {
	directory, config, pid, log string
	nginxConfig, nginxLog       string
}

// node is a seat with its host and its processes.
type node struct {
	seating
	host    *lab.Host
	subject subject

	mu       sync.Mutex
	daemon   *sandbox.Process
	web      *sandbox.Process
	expected map[int]bool // PIDs whose end is the fault's doing
}

func newNode(p Plan, seat Seat, host *lab.Host, subject subject) (*node, error) {
	directory := filepath.Join(sandbox.Dir, "hosts", seat.Name)
	n := &node{
		host: host, subject: subject, expected: map[int]bool{},
		seating: seating{programs: p.Programs, cluster: p.Cluster, seat: seat, files: seatFiles{
			directory:   directory,
			config:      filepath.Join(directory, "keepalived.conf"),
			pid:         filepath.Join("/run", subject.name+".pid"),
			log:         filepath.Join(directory, subject.name+".log"),
			nginxConfig: filepath.Join(directory, "nginx.conf"),
			nginxLog:    filepath.Join(directory, "nginx.log"),
		}},
	}
	text := seat.Config
	if subject.config != nil {
		n.files.config = filepath.Join(directory, subject.name+".conf")
		text = subject.config(n.seating)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	return n, errors.Join(
		os.WriteFile(n.files.config, []byte(text), 0o644),
		os.WriteFile(n.files.nginxConfig, []byte(nginxConfig(directory, seat.Address.Addr())), 0o644),
	)
}

// environment is what programs in hosts see of it: nothing of the user's.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "TZ=UTC"}
}

// startWeb starts Nginx, or the stand-in.
func (n *node) startWeb(w *World) error {
	command := sandbox.Command{Name: "nginx", Path: w.plan.Programs.Nginx, Env: environment()}
	if command.Path != "" {
		command.Args = []string{"nginx", "-e", "stderr", "-p", n.files.directory, "-c", n.files.nginxConfig}
	} else {
		command.Name = webRole
		command.Path, command.Args = sandbox.RoleCommand(webRole, n.seat.Address.Addr().String())
	}
	process, err := n.start(w, command, n.files.nginxLog, nil)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.web = process
	return err
}

// startDaemon starts the subject and follows its log for transitions.
func (n *node) startDaemon(w *World) error {
	command := sandbox.Command{
		Name: n.subject.process, Path: n.subject.path(w.plan.Programs),
		Args: n.subject.args(n.seating), Env: environment(),
	}
	process, err := n.start(w, command, n.files.log, func(r io.Reader, log io.Writer) error {
		return probe.Transitions(w.clock, w.log, r, probe.TransitionOptions{Host: n.seat.Name, Copy: log})
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.daemon = process
	return err
}

// start runs a command with its output going to a log file, through follow
// when there is one, and records its start and end.
func (n *node) start(w *World, command sandbox.Command, logPath string, follow func(io.Reader, io.Writer) error) (*sandbox.Process, error) {
	machine, err := n.host.Machine()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command.Output = log
	if follow != nil {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer writer.Close()
		command.Output = writer
		copyTo, err := os.OpenFile(logPath, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return nil, err
		}
		go func() {
			defer reader.Close()
			defer copyTo.Close()
			if err := follow(reader, copyTo); err != nil {
				w.note("%s: read the log of %s: %v", n.seat.Name, command.Name, err)
			}
		}()
	}
	process, err := machine.Start(command)
	if err != nil {
		return nil, err
	}
	w.log.Append(w.clock.Now(), n.seat.Name, history.ProcessStart{Name: command.Name, PID: process.PID, Args: command.Args})
	go n.watch(w, process)
	return process, nil
}

// watch records the end of a process, and tells the World when it came of
// itself.
func (n *node) watch(w *World, process *sandbox.Process) {
	exit, err := probe.WatchProcess(w.clock, w.log, probe.ProcessOptions{
		Host: n.seat.Name, Name: process.Name, PID: process.PID, Status: process.Status,
	})
	<-process.Done()
	if err != nil { // it ended before it could be watched
		w.log.Append(w.clock.Now(), n.seat.Name, history.ProcessExit{Name: process.Name, PID: process.PID, Status: process.Status()})
	} else if err := exit.Close(); err != nil {
		w.note("%v", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.expected[process.PID] {
		w.processEnded(fmt.Errorf("%s on %s ended by itself: %s", process.Name, n.seat.Name, process.Status()))
	}
}

// expect says that a process's end is wanted.
func (n *node) expect(process *sandbox.Process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if process != nil {
		n.expected[process.PID] = true
	}
}

// isDaemon matches every process of the subject.
func (n *node) isDaemon(info sandbox.Info) bool { return info.Name == n.subject.process }

// isWeb matches every process of the web server.
func isWeb(info sandbox.Info) bool { return info.Name == "nginx" || info.Name == webRole }

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

// diagnosis shows the ends of the node's logs.
func (n *node) diagnosis() string {
	var parts []string
	for _, log := range []struct{ name, path string }{
		{n.subject.name, n.files.log},
		{"nginx", n.files.nginxLog},
		{"nginx's errors", filepath.Join(n.files.directory, "nginx-error.log")},
	} {
		if text := tail(log.path, 5); text != "" {
			parts = append(parts, fmt.Sprintf("  last lines of %s on %s:\n%s", log.name, n.seat.Name, text))
		}
	}
	return strings.Join(parts, "\n")
}
