package track

// State is what is known of something that is tracked.
type State uint8

// The states of something that is tracked.
const (
	Unknown State = iota // no result yet
	Up
	Down
)

// String is "unknown", "up" or "down".
func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "invalid"
}

// Counter judges a script by its results: Rise successes in a row bring it up
// and Fall failures in a row bring it down (keepalived.conf(5), "VRRP
// script(s)"). The very first result decides alone, as in keepalived:
// whatever Rise and Fall say, one success is enough for Up and one failure for
// Down. With init_fail there is no such first result; the script starts Down.
type Counter struct {
	rise, fall int
	state      State
	streak     int // results in a row that contradict state
}

// NewCounter returns a Counter that needs rise successes and fall failures,
// each at least 1 (less counts as 1).
func NewCounter(rise, fall int, initFail bool) *Counter {
	c := &Counter{rise: max(rise, 1), fall: max(fall, 1)}
	if initFail {
		c.state = Down
	}
	return c
}

// State is the judgement so far.
func (c *Counter) State() State { return c.state }

// Add counts one result and says whether it changed the judgement.
func (c *Counter) Add(success bool) (changed bool) {
	result, needed := Down, c.fall
	if success {
		result, needed = Up, c.rise
	}
	if result == c.state {
		c.streak = 0
		return false
	}
	c.streak++
	if c.state != Unknown && c.streak < needed {
		return false
	}
	c.state, c.streak = result, 0
	return true
}
