package notify

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Command is a program with its arguments; no shell reads them.
type Command struct {
	Words      []string
	Credential *syscall.Credential // whom to run as; nil: as the daemon
}

// Run runs a command to its end, and says how that was. When ctx ends, it ends
// the whole process group.
type Run func(ctx context.Context, c Command) (success bool, status string)

const (
	// runningMax is how many scripts run at once.
	runningMax = 16
	// queueMax is how many events of one instance or group may wait. A later one
	// makes all of them superfluous.
	queueMax = 16
	// patience is how long a script may run while others wait for it.
	patience = time.Minute
	// patienceAgain is when it is looked at again whether others wait.
	patienceAgain = time.Second
)

// Runner runs scripts, those of one instance or group one after another in the
// order of the events: where keepalived starts each at once, so that the script
// of an earlier state may come last.
type Runner struct {
	run    Run
	logger *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	mutex   sync.Mutex
	queues  map[string]*queue // those that have work
	ready   []*queue          // those of them that wait for a worker
	workers int
	ended   sync.WaitGroup // workers
}

// queue is what is to be run for one instance or group.
type queue struct {
	name string
	jobs []job
}

type job struct {
	event    Event
	commands []Command
}

// NewRunner makes one. Nothing runs yet.
func NewRunner(run Run, logger *slog.Logger) *Runner {
	ctx, cancel := context.WithCancel(context.Background())
	return &Runner{run: run, logger: logger, ctx: ctx, cancel: cancel, queues: make(map[string]*queue)}
}

// Add has the commands of an event run, after those of earlier events of the
// same instance or group. It does not wait. Of events that are no state only one
// waits. Where too many events wait, only the last is left.
func (r *Runner) Add(n Notice, commands ...Command) {
	if len(commands) == 0 {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	name := n.kind() + " " + n.Name
	q := r.queues[name]
	isNew := q == nil
	if isNew {
		q = &queue{name: name}
		r.queues[name] = q
	}
	waiting := len(q.jobs)
	if n.Event == LowerHeard && waiting > 0 && (q.jobs[waiting-1].event == LowerHeard || waiting >= queueMax) {
		return
	}
	if waiting >= queueMax {
		r.logger.Warn("notify scripts are behind; only the latest event is told", "of", name, "left out", waiting)
		q.jobs = nil
	}
	q.jobs = append(q.jobs, job{n.Event, commands})
	if isNew {
		r.ready = append(r.ready, q)
		r.employ()
	}
}

// employ starts one more worker, if that is allowed. The mutex is held.
func (r *Runner) employ() {
	if r.workers < runningMax {
		r.workers++
		r.ended.Go(r.work)
	}
}

// work runs what is ready until there is nothing.
func (r *Runner) work() {
	for q, next := r.take(); q != nil; q, next = r.take() {
		for n, command := range next.commands {
			r.once(q, next.event, command, n+1 < len(next.commands))
		}
		r.giveBack(q)
	}
}

// take takes the first job of the queue that has waited longest.
func (r *Runner) take() (*queue, job) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.ready) == 0 || r.ctx.Err() != nil {
		r.workers--
		return nil, job{}
	}
	q := r.ready[0]
	r.ready = r.ready[1:]
	next := q.jobs[0]
	q.jobs = q.jobs[1:]
	return q, next
}

// giveBack has a queue wait for a worker again, if there is more to do.
func (r *Runner) giveBack(q *queue) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(q.jobs) == 0 {
		delete(r.queues, q.name)
		return
	}
	r.ready = append(r.ready, q)
}

// once runs a command. It may take its time as long as nobody waits for it.
func (r *Runner) once(q *queue, event Event, c Command, more bool) {
	if r.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	about := []any{"of", q.name, "event", event.String(), "script", strings.Join(c.Words, " ")}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		r.watch(ctx, cancel, q, more, about)
	}()
	began := time.Now()
	success, status := r.run(ctx, c)
	cancel()
	<-watched
	about = append(about, "status", status, "took", time.Since(began))
	if success {
		r.logger.Debug("notify script ended", about...)
		return
	}
	r.logger.Warn("notify script failed", about...)
}

// watch gives up a script that hangs while others wait.
func (r *Runner) watch(ctx context.Context, giveUp context.CancelFunc, q *queue, more bool, about []any) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for isFirst := true; ; isFirst = false {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if more || r.isAwaited(q) {
			r.logger.Error("notify script hangs and is ended", about...)
			giveUp()
			return
		}
		if isFirst {
			r.logger.Warn("notify script runs for a long time", about...)
		}
		timer.Reset(patienceAgain)
	}
}

func (r *Runner) isAwaited(q *queue) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(q.jobs) > 0 || len(r.ready) > 0
}

// Close waits until all is done, up to timeout, and ends what is left. Nothing
// may be added afterwards.
func (r *Runner) Close(timeout time.Duration) {
	defer r.cancel()
	idle := make(chan struct{})
	go func() {
		r.ended.Wait()
		close(idle)
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
		r.logger.Error("notify scripts are ended, since the daemon stops")
		r.cancel()
		<-idle
	}
}

// restartDelay is before a script that ended is started again.
const restartDelay = time.Second

// Keep has a command run until ctx ends: one that ends is started again.
func Keep(ctx context.Context, run Run, c Command, logger *slog.Logger) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		_, status := run(ctx, c)
		if ctx.Err() != nil {
			return
		}
		logger.Warn("fifo script ended and is started again", "script", strings.Join(c.Words, " "), "status", status)
		timer.Reset(restartDelay)
	}
}
