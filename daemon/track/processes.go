package track

import (
	"bytes"
	"math"
	"slices"
	"time"
)

// ParameterMatch is how the parameters of a process are compared
// (keepalived.conf(5), "VRRP track processes").
type ParameterMatch uint8

// The ways to compare parameters.
const (
	MatchAny     ParameterMatch = iota // they are not compared
	MatchExact                         // the same parameters
	MatchPartial                       // the first ones are the same
	MatchInitial                       // so are they, and the last of them may be longer
)

// Unlimited is a QuorumMax without effect.
const Unlimited = math.MaxInt

// Processes are the running processes of one program (vrrp_track_process).
// They are well as long as their number is from Quorum to QuorumMax. A process
// that has ended does not count, even as a zombie.
type Processes struct {
	Name string
	// Command is what a process is called: its name as in /proc/PID/comm, of
	// which the kernel keeps 15 bytes, or with FullCommand its first argument.
	Command string
	// FullCommand compares the command line. It is read when a process starts
	// a program; a process that overwrites its own later is not noticed.
	FullCommand bool
	Match       ParameterMatch // other than MatchAny it needs FullCommand
	Parameters  []string
	Quorum      int
	QuorumMax   int // Unlimited, or the most there may be
	// ForkDelay is how long a judgement that more processes brought about must
	// hold until it is believed: a fork is often followed by another program.
	ForkDelay time.Duration
	// TerminateDelay is the same for fewer processes: a program that is
	// restarted is soon back.
	TerminateDelay time.Duration
}

// commMax is how much of a process's name the kernel keeps (TASK_COMM_LEN less
// the final zero).
const commMax = 15

// matchComm compares a process's name.
func (p *Processes) matchComm(comm string) bool {
	return comm == p.Command[:min(len(p.Command), commMax)]
}

// matchCommandLine compares a command line: arguments that end with a zero
// each (proc_pid_cmdline(5)).
func (p *Processes) matchCommandLine(line []byte) bool {
	command, parameters, found := bytes.Cut(line, []byte{0})
	if !found || string(command) != p.Command {
		return false
	}
	var wanted []byte
	for _, parameter := range p.Parameters {
		wanted = append(append(wanted, parameter...), 0)
	}
	switch p.Match {
	case MatchAny:
		return true
	case MatchExact:
		return bytes.Equal(parameters, wanted)
	case MatchPartial:
		return bytes.HasPrefix(parameters, wanted)
	case MatchInitial:
		return bytes.HasPrefix(parameters, wanted[:max(len(wanted)-1, 0)])
	}
	return false
}

// tally judges how many processes there are.
type tally struct {
	*Processes
	pids  []int
	state State
	due   time.Time // when the other judgement is believed; zero: it is not
	first bool      // nothing was reported yet
}

func newTally(p *Processes) *tally { return &tally{Processes: p, first: true} }

// add counts a process in, and remove counts it out; a process that was
// counted already, or was not, changes nothing.
func (t *tally) add(pid int, now time.Time) {
	if !slices.Contains(t.pids, pid) {
		t.pids = append(t.pids, pid)
		t.recount(now, t.ForkDelay)
	}
}

func (t *tally) remove(pid int, now time.Time) {
	if n := slices.Index(t.pids, pid); n >= 0 {
		t.pids = slices.Delete(t.pids, n, n+1)
		t.recount(now, t.TerminateDelay)
	}
}

func (t *tally) now() State {
	if len(t.pids) >= t.Quorum && len(t.pids) <= t.QuorumMax {
		return Up
	}
	return Down
}

// recount begins to doubt the judgement, or ends the doubt.
func (t *tally) recount(now time.Time, delay time.Duration) {
	switch {
	case t.now() == t.state:
		t.due = time.Time{}
	case t.due.IsZero():
		t.due = now.Add(delay)
	}
}

// judge says whether the judgement changed by now. The first one is made at
// once, whatever the delays.
func (t *tally) judge(now time.Time) (changed bool) {
	if t.state != Unknown && (t.due.IsZero() || now.Before(t.due)) {
		return false
	}
	t.state, t.due = t.now(), time.Time{}
	return true
}
