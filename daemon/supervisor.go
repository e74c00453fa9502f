package daemon

import (
	"context"
	"log/slog"
	"reflect"
	"sync"

	"takeover/daemon/bfdrun"
	"takeover/daemon/track"
)

// supervisor runs trackers, and goes over to others.
type supervisor struct {
	ctx    context.Context // they end with it
	parts  *sync.WaitGroup
	logger *slog.Logger
	fail   func(error) // called when one cannot go on

	results   chan track.Result
	sessions  chan bfdrun.Event
	neighbors chan []bfdrun.Neighbor // other ones, for the task that serves them
	running   map[string]*task
}

// task is a tracker, or several that are served together.
type task struct {
	of     any // what it was made of: its like goes on
	run    func(context.Context) error
	cancel context.CancelFunc
	ended  chan struct{}
}

func newSupervisor(ctx context.Context, parts *sync.WaitGroup, logger *slog.Logger, fail func(error)) *supervisor {
	return &supervisor{
		ctx: ctx, parts: parts, logger: logger, fail: fail,
		results: make(chan track.Result), sessions: make(chan bfdrun.Event),
		neighbors: make(chan []bfdrun.Neighbor, 1), running: make(map[string]*task),
	}
}

// supervise goes over to other trackers: what is like before goes on, the rest ends, and
// what takes its place starts when it has. It does not wait.
func (s *supervisor) supervise(t trackers) {
	wanted := s.tasks(t)
	s.changeNeighbors(t.neighbors, wanted)
	former := make(map[string]*task)
	for name, task := range s.running {
		if next := wanted[name]; next == nil || !reflect.DeepEqual(next.of, task.of) {
			task.cancel()
			former[name] = task
			delete(s.running, name)
		}
	}
	for name, task := range wanted {
		if s.running[name] == nil {
			s.start(task, former[name])
			s.running[name] = task
		}
	}
}

// taskNeighbors is the task that serves all BFD sessions.
const taskNeighbors = "neighbors"

// changeNeighbors tells the task that serves the neighbors of other ones. A
// list that it has not taken yet is not needed any more.
func (s *supervisor) changeNeighbors(neighbors []bfdrun.Neighbor, wanted map[string]*task) {
	running, next := s.running[taskNeighbors], wanted[taskNeighbors]
	if running == nil || next == nil || reflect.DeepEqual(running.of, next.of) {
		return
	}
	select {
	case <-s.neighbors:
	default:
	}
	s.neighbors <- neighbors
	running.of = next.of
}

func (s *supervisor) start(t, former *task) {
	ctx, cancel := context.WithCancel(s.ctx)
	t.cancel, t.ended = cancel, make(chan struct{})
	s.parts.Go(func() {
		defer close(t.ended)
		if former != nil {
			<-former.ended
		}
		if err := t.run(ctx); err != nil {
			s.fail(err)
		}
	})
}

// tasks are the trackers by name.
func (s *supervisor) tasks(t trackers) map[string]*task {
	tasks := make(map[string]*task)
	for _, script := range t.scripts {
		tasks["script "+script.Name] = &task{of: *script, run: func(ctx context.Context) error {
			script.Run(ctx, s.results)
			return nil
		}}
	}
	note := func(err error) { s.logger.Warn("tracking", "error", err) }
	if len(t.processes) > 0 {
		tasks["processes"] = &task{of: valuesOf(t.processes), run: func(ctx context.Context) error {
			return track.WatchProcesses(ctx, t.processes, s.results, note)
		}}
	}
	if len(t.files) > 0 {
		tasks["files"] = &task{of: valuesOf(t.files), run: func(ctx context.Context) error {
			return track.WatchFiles(ctx, t.files, s.results, note)
		}}
	}
	if len(t.neighbors) > 0 {
		tasks[taskNeighbors] = &task{of: t.neighbors, run: func(ctx context.Context) error {
			return bfdrun.Run(ctx, t.neighbors, s.neighbors, s.sessions, s.logger)
		}}
	}
	return tasks
}

// valuesOf are copies, before anything of a run is in them.
func valuesOf[T any](pointers []*T) []T {
	values := make([]T, len(pointers))
	for n, p := range pointers {
		values[n] = *p
	}
	return values
}
