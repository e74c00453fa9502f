package track

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// Script is a program that tells whether something is well: it is, when the
// program exits with 0 within Timeout.
type Script struct {
	Name       string
	Command    []string            // the program and its arguments; no shell reads them
	Interval   time.Duration       // from start to start, more than 0
	Timeout    time.Duration       // more than 0
	Rise       int                 // successes that bring it up, see Counter
	Fall       int                 // failures that bring it down
	InitFail   bool                // start as Down
	Credential *syscall.Credential // whom to run as; nil: as the daemon
}

// The waits between SIGTERM and SIGKILL: for a script that ran too long
// (keepalived's 2 s), and for one that runs when the daemon stops, which
// should not wait for it.
const (
	timeoutGrace = 2 * time.Second
	stopGrace    = 100 * time.Millisecond
)

// Run runs the script now and then every Interval until ctx ends, and sends a
// Result for its first judgement and for every change of it. With InitFail the
// first judgement is sent before the first run. Two runs never overlap: a run
// that is still there when the next is due makes that one be left out. A run
// that times out is judged at once, while its process group is being ended.
//
// When Run returns, no process of the script's group is left, except those
// that a run left behind when it exited by itself, as daemons started by it.
// Processes that made a group of their own are out of reach.
func (s *Script) Run(ctx context.Context, results chan<- Result) {
	counter := NewCounter(s.Rise, s.Fall, s.InitFail)
	send := func(r Result) {
		select {
		case results <- r:
		case <-ctx.Done():
		}
	}
	if s.InitFail {
		send(Result{Name: s.Name, First: true, Status: "assumed failed until it succeeds"})
	}
	every(ctx, s.Interval, func() {
		start := time.Now()
		s.once(ctx, func(success bool, status string) {
			first := counter.State() == Unknown
			if counter.Add(success) {
				send(Result{Name: s.Name, Up: success, First: first, Status: status, Took: time.Since(start)})
			}
		})
	})
}

// every calls work now and then at each multiple of interval, until ctx ends.
// Multiples that pass while work is busy are left out.
func every(ctx context.Context, interval time.Duration, work func()) {
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		work()
		late := max(time.Since(next), 0)
		next = next.Add(late - late%interval + interval)
		timer.Reset(time.Until(next))
	}
}

// once runs the script a single time. It calls judge at most once, and not
// when ctx ended first. No process of the run's group is left when it returns,
// unless the run exited by itself.
func (s *Script) once(ctx context.Context, judge func(success bool, status string)) {
	p, err := start(s.Command, s.Credential)
	if err != nil {
		judge(false, fmt.Sprintf("cannot run: %v", err))
		return
	}
	timeout := time.NewTimer(s.Timeout)
	defer timeout.Stop()
	select {
	case <-p.exited:
		judge(p.reap())
	case <-timeout.C:
		ended := make(chan struct{})
		go func() {
			p.end(ctx, timeoutGrace)
			close(ended)
		}()
		judge(false, fmt.Sprintf("timed out after %v", s.Timeout))
		<-ended
	case <-ctx.Done():
		p.end(context.WithoutCancel(ctx), stopGrace)
	}
}

// Execute runs a program to its end, in a process group of its own with
// /dev/null as its input and output, and says how that was: "exited with
// status 1". When ctx ends first, the group gets SIGTERM, and SIGKILL after
// grace or when the program is dead.
func Execute(ctx context.Context, command []string, credential *syscall.Credential, grace time.Duration) (success bool, status string) {
	p, err := start(command, credential)
	if err != nil {
		return false, fmt.Sprintf("cannot run: %v", err)
	}
	select {
	case <-p.exited:
		return p.reap()
	case <-ctx.Done():
		p.end(context.WithoutCancel(ctx), grace)
		return false, "ended"
	}
}
