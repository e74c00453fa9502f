package sim

import (
	"slices"
	"time"
)

// Statistics are what a run counted.
type Statistics struct {
	Virtual     time.Duration // how long it ran
	Adverts     uint64        // advertisements sent
	Delivered   uint64        // read by a router, each reader counts
	Lost        uint64        // on a link or in a full queue
	Transitions uint64        // changes of state
	Takeovers   uint64        // of them, to Active
	// Outages are the times without any owner of the address, from the first
	// owner on; Overlaps those with more than one. In the order of time, without
	// one that lasts at the end.
	Outages, Overlaps []time.Duration
}

// owners follows how many hosts have the address.
type owners struct {
	count int
	since time.Duration // when there were none, or more than one
	begun bool
}

// change takes in that a host got the address or lost it.
func (o *owners) change(now time.Duration, holds bool, s *Statistics) {
	was := o.count
	o.count += 2*btoi(holds) - 1
	took := now - o.since
	switch {
	case was == 0 && o.begun && took > 0:
		s.Outages = append(s.Outages, took)
	case was == 2 && !holds && took > 0:
		s.Overlaps = append(s.Overlaps, took)
	}
	o.begun = o.begun || holds
	if o.count == 0 || o.count == 2 && holds {
		o.since = now
	}
}

// Quantile is the value below which that share of the durations lies, 0 to 1;
// zero when there are none.
func Quantile(durations []time.Duration, share float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
