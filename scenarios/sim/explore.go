package sim

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Violation is a schedule that breaks a rule.
type Violation struct {
	Schedule *Schedule
	Finding  Finding
}

// Exploration is what exploring came to.
type Exploration struct {
	Schedules uint64 // that were run
	Faults    uint64 // in them
	Total     Statistics
	// Violation is that of the lowest seed among those that were run, or nil.
	Violation *Violation
}

// Explore runs the schedules of count seeds from first on, on all processors,
// until one breaks a rule or ctx ends. The lowest seed that breaks a rule is
// the same however many processors there are. ran, if not nil, is called now
// and then with how many were run, from several goroutines.
func (d *Draw) Explore(ctx context.Context, first, count uint64, ran func(uint64)) (Exploration, error) {
	return d.explore(ctx, first, count, ran, (*Schedule).Run)
}

// batch is how many schedules a goroutine takes at once.
const batch = 64

func (d *Draw) explore(
	ctx context.Context, first, count uint64, ran func(uint64), run func(*Schedule) (Result, error),
) (Exploration, error) {
	var (
		taken, done atomic.Uint64
		lowest      atomic.Uint64 // index of the lowest that broke a rule
		mu          sync.Mutex
		sum         Exploration
		failed      error
		workers     sync.WaitGroup
	)
	lowest.Store(count)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil {
				from := taken.Add(batch) - batch
				if from >= lowest.Load() {
					return
				}
				part, err := d.exploreBatch(first, from, min(from+batch, count), run)
				mu.Lock()
				sum.add(&part)
				if err != nil {
					failed = err
					lowest.Store(0)
				}
				if v := part.Violation; v != nil && v.Schedule.Seed-first < lowest.Load() {
					lowest.Store(v.Schedule.Seed - first)
				}
				mu.Unlock()
				if ran != nil {
					ran(done.Add(part.Schedules))
				}
			}
		})
	}
	workers.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return sum, failed
}

func (d *Draw) exploreBatch(
	first, from, to uint64, run func(*Schedule) (Result, error),
) (Exploration, error) {
	var part Exploration
	for index := from; index < to && part.Violation == nil; index++ {
		s := d.Schedule(first + index)
		result, err := run(s)
		if err != nil {
			return part, err
		}
		part.Schedules++
		part.Faults += uint64(len(s.Faults))
		part.Total.add(&result.Statistics)
		if result.Finding != nil {
			part.Violation = &Violation{s, *result.Finding}
		}
	}
	return part, nil
}

func (e *Exploration) add(part *Exploration) {
	e.Schedules += part.Schedules
	e.Faults += part.Faults
	e.Total.add(&part.Total)
	if v := part.Violation; v != nil && (e.Violation == nil || v.Schedule.Seed < e.Violation.Schedule.Seed) {
		e.Violation = v
	}
}

// add sums up; the lists of durations are left out.
func (s *Statistics) add(other *Statistics) {
	s.Virtual += other.Virtual
	s.Adverts += other.Adverts
	s.Delivered += other.Delivered
	s.Lost += other.Lost
	s.Transitions += other.Transitions
	s.Takeovers += other.Takeovers
}
