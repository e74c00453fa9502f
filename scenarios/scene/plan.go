package scene

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/fault"
)

// Moment is a fault at its time.
type Moment struct {
	At     time.Duration // from the schedule's start
	Phase  *float64      // then on to this place in the Active's interval, 0 to 1
	Fault  fault.Fault
	Target fault.Target
	For    time.Duration // then it is undone; 0: at the end
	// Optional: left out when there is nothing to strike.
	Optional bool
}

// defaultStand is how long a fault without a duration is in force.
const defaultStand = 5 * time.Second

// Plan lays the schedule out: the moments in the order of their time, and how
// long all goes on. The same seed draws the same moments.
func (s Scene) Plan(seed uint64) (moments []Moment, length time.Duration, err error) {
	draw := rand.New(rand.NewPCG(seed, 0))
	for _, step := range s.Schedule {
		fields := strings.Fields(step.Fault)
		if len(fields) == 0 {
			fields = []string{""}
		}
		f, err := fault.Parse(fields[0], fields[1:]...)
		if err != nil {
			return nil, 0, err
		}
		m := Moment{Fault: f, Target: cmp.Or(step.Target, fault.TargetActive), For: time.Duration(step.For), Optional: step.Optional}
		if step.Phase != nil {
			phase := float64(*step.Phase)
			m.Phase = &phase
		}
		for n := range max(1, step.Times) {
			m.At = time.Duration(step.At) + time.Duration(n)*time.Duration(step.Every)
			if len(step.Between) == 2 {
				from, to := time.Duration(step.Between[0]), time.Duration(step.Between[1])
				m.At += from + time.Duration(draw.Int64N(int64(to-from)+1))
			}
			moments = append(moments, m)
		}
	}
	slices.SortStableFunc(moments, func(a, b Moment) int { return cmp.Compare(a.At, b.At) })
	if length = time.Duration(s.Length); length == 0 {
		for _, m := range moments {
			length = max(length, m.At+cmp.Or(m.For, defaultStand))
		}
	}
	return moments, length, nil
}
