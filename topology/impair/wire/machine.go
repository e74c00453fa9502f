package wire

import (
	"bytes"
	"container/heap"
	"reflect"
	"time"
)

// Frame is one on its way through the wire.
type Frame struct {
	ToHost bool
	Data   []byte // from the Ethernet header on, without check sequence
	// Offload is what the network device would still do to it (virtio_net(7)'s
	// header as packet(7) has it); zero: nothing.
	Offload Offload
}

func (f Frame) way() int {
	if f.ToHost {
		return 1
	}
	return 0
}

// Counters say what a rule did since it was set.
type Counters struct {
	Matched    uint64 `json:"matched"` // it looked at so many frames
	Chosen     uint64 `json:"chosen"`  // and meant so many of them
	Dropped    uint64 `json:"dropped"`
	Delayed    uint64 `json:"delayed"`
	Reordered  uint64 `json:"reordered"` // overtaken by another
	Duplicated uint64 `json:"duplicated"`
	Corrupted  uint64 `json:"corrupted"`
	Replayed   uint64 `json:"replayed"`
}

// rule is a Rule in force.
type rule struct {
	Rule
	matcher
	random   source
	counters Counters
	// By way: how many matched, whether a burst is on, until when those before
	// wait (delay) or take (shape), who waits to be overtaken and until when, and
	// what came last.
	index   [2]uint64
	bad     [2]bool
	busy    [2]time.Duration
	waiting [2][]*item
	held    [2]time.Duration
	last    [2]Frame

	next   time.Duration // the next replay
	rounds int           // replays so far
	turned map[uint64]bool
}

// Machine decides what becomes of frames, and keeps those that wait. Its time is
// a duration from any origin, which never goes back. The rules work one after
// another: each looks at what those before it let pass, at every copy of it, and
// delays add up.
type Machine struct {
	seed     uint64
	rules    []*rule
	waiting  queue
	sequence uint64
	out      []Frame
}

// NewMachine returns one without rules, which passes everything on at once.
func NewMachine(seed uint64) *Machine { return &Machine{seed: seed} }

// SetRules puts other rules in force from now on. A rule that was there under
// the same name, and is the same, goes on as if nothing had happened. Frames
// that wait go on waiting.
func (m *Machine) SetRules(rules []Rule) error {
	if err := ValidateAll(rules); err != nil {
		return err
	}
	before := map[string]*rule{}
	for _, r := range m.rules {
		before[r.Name] = r
	}
	m.rules = nil
	for _, made := range rules {
		r := before[made.Name]
		if r == nil || !reflect.DeepEqual(r.Rule, made) {
			r = &rule{Rule: made, matcher: made.matcher(), random: sourceOf(m.seed, made.Name), turned: map[uint64]bool{}}
		}
		m.rules = append(m.rules, r)
	}
	return nil
}

// Rules says whether there is any.
func (m *Machine) Rules() bool { return len(m.rules) > 0 }

// Counters are those of the rules in force by their names.
func (m *Machine) Counters() map[string]Counters {
	all := map[string]Counters{}
	for _, r := range m.rules {
		all[r.Name] = r.counters
	}
	return all
}

// Take returns what is to be passed on now that a frame came, in order: frames
// whose time has come, and this one, or copies of it, unless it is lost or
// waits. The result is valid until the next call, and shares f's data.
func (m *Machine) Take(now time.Duration, f Frame) []Frame {
	m.out = m.out[:0]
	m.expire(now)
	if len(m.rules) == 0 {
		m.out = append(m.out, f)
		return m.out
	}
	h := parse(f.Data)
	m.pass(0, &h, flight{Frame: f, at: now, now: now})
	m.expire(now)
	return m.out
}

// Expire returns the frames whose time has come, in order. The result is valid
// until the next call.
func (m *Machine) Expire(now time.Duration) []Frame {
	m.out = m.out[:0]
	m.expire(now)
	return m.out
}

// Flush returns all frames that wait, in the order in which they would have gone.
func (m *Machine) Flush() []Frame {
	m.out = m.out[:0]
	for m.waiting.Len() > 0 {
		m.out = append(m.out, m.waiting.pop().Frame)
	}
	return m.out
}

// Deadline is when Expire has something to do; false: not before a frame came.
func (m *Machine) Deadline() (at time.Duration, ok bool) {
	if len(m.waiting) > 0 {
		at, ok = m.waiting[0].at, true
	}
	for _, r := range m.rules {
		if r.repeats() && (!ok || r.next < at) {
			at, ok = r.next, true
		}
	}
	return at, ok
}

// expire replays what is to be replayed, and moves what waited long enough to
// the output.
func (m *Machine) expire(now time.Duration) {
	for i, r := range m.rules {
		if r.repeats() && r.next <= now {
			m.replay(i, now)
		}
	}
	for len(m.waiting) > 0 && m.waiting[0].at <= now {
		m.out = append(m.out, m.waiting.pop().Frame)
	}
}

// repeats says whether a replay is due some time: something came that it can
// repeat, and it has not been repeated often enough.
func (r *rule) repeats() bool {
	return r.Act == Replay && (r.Count == 0 || r.rounds < r.Count) && (r.last[0].Data != nil || r.last[1].Data != nil)
}

// replay sends what matched last through the rules that follow. Rounds that were
// missed, because nobody asked in time, are left out.
func (m *Machine) replay(i int, now time.Duration) {
	r := m.rules[i]
	r.next = now + r.Period - (now-r.next)%r.Period
	r.rounds++
	for _, f := range r.last {
		if f.Data == nil {
			continue
		}
		r.counters.Replayed++
		h := parse(f.Data)
		f.Data = bytes.Clone(f.Data)
		m.pass(i+1, &h, flight{Frame: f, at: now, now: now})
	}
}

// flight is a frame, or a copy of it, as it goes through the rules.
type flight struct {
	Frame
	now   time.Duration
	at    time.Duration // when it is to go on, as far as the rules so far say
	holds []*rule       // that hold it until it is overtaken
}

// pass takes a flight through the rules from the i-th on.
func (m *Machine) pass(i int, h *headers, f flight) {
	for ; i < len(m.rules); i++ {
		r, way := m.rules[i], f.way()
		if !r.matches(way, h) {
			continue
		}
		r.counters.Matched++
		index := r.index[way]
		r.index[way]++
		if r.Act == Reorder && r.overtakes(way, f.at) {
			m.pass(i+1, h, f)
			m.letGo(r, way, f.at)
			return
		}
		if !r.chooses(way, index) {
			continue
		}
		r.counters.Chosen++
		if !m.strike(r, i, index, h, &f) {
			return
		}
	}
	m.emit(f)
}

// strike does to a flight what the rule says; false: nothing is left of it.
func (m *Machine) strike(r *rule, i int, index uint64, h *headers, f *flight) bool {
	way := f.way()
	switch r.Act {
	case Drop:
		r.counters.Dropped++
		return false
	case Delay:
		r.counters.Delayed++
		f.at += r.lateBy(way, index)
		if r.Jitter > 0 { // a delay that is always the same keeps the order
			f.at = max(f.at, r.busy[way])
			r.busy[way] = f.at
		}
	case Reorder:
		f.at += r.Delay
		f.holds = append(f.holds, r)
		r.held[way], r.waiting[way] = f.at, nil
	case Duplicate:
		r.counters.Duplicated += uint64(r.Count)
		for range r.Count {
			m.pass(i+1, h, *f) // all are alike: which is the first can't be told
		}
	case Corrupt:
		if h.network < len(f.Data) && f.Offload == (Offload{}) {
			r.counters.Corrupted++
			f.Data = bytes.Clone(f.Data)
			r.turnBits(f.Data[h.network:], way, index)
		}
	case Shape:
		return r.shape(way, f)
	case Replay:
		if !r.repeats() {
			r.next = f.now + r.Period
		}
		r.last[way] = Frame{f.ToHost, append(r.last[way].Data[:0], f.Data...), f.Offload}
	}
	return true
}

// shape makes a flight wait until those before it, and it itself, have passed
// at the rate; false: the queue is full.
func (r *rule) shape(way int, f *flight) bool {
	const shortest = 2 * 1514 // bytes: a queue that holds less passes nothing
	queue := r.Queue
	if queue == 0 {
		queue = max(r.Rate/10, shortest)
	}
	start := max(f.at, r.busy[way])
	ahead := float64(start-f.at) / float64(time.Second) * float64(r.Rate)
	if ahead > 0 && ahead+float64(len(f.Data)) > float64(queue) {
		r.counters.Dropped++
		return false
	}
	took := time.Duration(float64(len(f.Data)) / float64(r.Rate) * float64(time.Second))
	r.busy[way] = start + took
	if f.at != r.busy[way] {
		r.counters.Delayed++
	}
	f.at = r.busy[way]
	return true
}

// overtakes says whether a frame that passes the rule at a time comes before
// one that waits there.
func (r *rule) overtakes(way int, at time.Duration) bool {
	return len(r.waiting[way]) > 0 && at < r.held[way]
}

// letGo sends those on that waited to be overtaken, as if they had come at now.
func (m *Machine) letGo(r *rule, way int, now time.Duration) {
	early := r.held[way] - now
	for _, held := range r.waiting[way] {
		if held.index < 0 { // it is gone: not all rules keep the order
			continue
		}
		r.counters.Reordered++
		held.at -= early
		held.sequence = m.number()
		heap.Fix(&m.waiting, held.index)
	}
	r.waiting[way] = nil
}

// emit ends a flight: it goes on at once, or it waits.
func (m *Machine) emit(f flight) {
	if f.at <= f.now {
		m.out = append(m.out, f.Frame)
		return
	}
	f.Data = bytes.Clone(f.Data)
	waits := &item{Frame: f.Frame, at: f.at, sequence: m.number()}
	heap.Push(&m.waiting, waits)
	for _, r := range f.holds {
		r.waiting[f.way()] = append(r.waiting[f.way()], waits)
	}
}

func (m *Machine) number() uint64 {
	m.sequence++
	return m.sequence
}
