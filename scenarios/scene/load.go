package scene

import (
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// Connections are long-lived TCP connections to an echo server. One that is lost
// is opened again.
type Connections struct {
	Count int            `json:"count"`
	Every fault.Duration `json:"every,omitempty"` // between heartbeats on each; 100 ms unless given
}

const (
	connectionsMax = 1000
	// HeartbeatEvery is between two heartbeats unless the scene says otherwise.
	HeartbeatEvery = 100 * time.Millisecond
	// LoadMax is the longest time between two probes.
	LoadMax = 10 * time.Second
)

// Echo says whether the load needs the echo server.
func (l Load) Echo() bool { return l.UDP > 0 || l.TCP > 0 || l.Connections != nil }

// streams are those that the load has, each with its key and its period.
func (l Load) streams() []stream {
	return []stream{
		{history.StreamICMP, "icmp", l.ICMP, 100 * time.Microsecond},
		{history.StreamHTTP, "http", l.HTTP, time.Millisecond},
		{history.StreamUDP, "udp", l.UDP, 100 * time.Microsecond},
		{history.StreamTCP, "tcp", l.TCP, time.Millisecond},
		{history.StreamKeepAlive, "keep_alive", l.KeepAlive, time.Millisecond},
	}
}

type stream struct {
	name, key string
	period    fault.Duration
	least     time.Duration
}

func (c *checker) load(l Load) {
	for _, s := range l.streams() {
		c.period(s.key, s.period, s.least)
	}
	if n := l.Connections; n != nil {
		c.wrong(n.Count < 1 || n.Count > connectionsMax, at("load", "connections", "count"), "count %d is not from 1 to %d", n.Count, connectionsMax)
		c.wrong(n.Every != 0 && (time.Duration(n.Every) < 10*time.Millisecond || time.Duration(n.Every) > LoadMax),
			at("load", "connections", "every"), "every %s is not from 10ms to %s", n.Every, LoadMax)
	}
}

func (c *checker) period(name string, d fault.Duration, least time.Duration) {
	c.wrong(d != 0 && (time.Duration(d) < least || time.Duration(d) > LoadMax), at("load", name), "%s %s is not from %s to %s", name, d, least, LoadMax)
}

// bounds are the bounds by the streams' keys.
func (l Lost) bounds() map[string]*int {
	return map[string]*int{"icmp": l.ICMP, "http": l.HTTP, "udp": l.UDP, "tcp": l.TCP, "keep_alive": l.KeepAlive}
}

// expectLost wants a stream to be there whose losses are counted.
func (c *checker) expectLost(s Scene) {
	if s.Expect.Lost == nil {
		return
	}
	bounds := s.Expect.Lost.bounds()
	for _, stream := range s.Load.streams() {
		bound := bounds[stream.key]
		if bound == nil {
			continue
		}
		asked := stream.period > 0 || stream.name == history.StreamICMP || stream.name == history.StreamHTTP
		c.wrong(*bound < 0, at("expect", checkLost, stream.key), "a number is not negative")
		c.wrong(!asked, at("expect", checkLost, stream.key), "the load has no %s", stream.key)
	}
}

// lost counts what was lost of each stream.
func (j *judge) lost() {
	if j.Expect.Lost == nil {
		return
	}
	bounds := j.Expect.Lost.bounds()
	for _, stream := range j.Load.streams() {
		most := bounds[stream.key]
		if most == nil {
			continue
		}
		lost, sent, event := 0, 0, 0
		for _, p := range j.probes {
			if p.Body.Stream != stream.name || !j.window.Contains(p.At) {
				continue
			}
			sent++
			if p.Body.Lost() {
				lost, event = lost+1, p.ID
			}
		}
		if sent == 0 {
			j.fail(checkLost, 0, nil, "there are no probes of stream %s", stream.name)
		}
		if lost > *most {
			beyond := time.Duration(lost-*most) * j.course.Trial.ProbePeriods[stream.name]
			j.fail(checkLost, beyond, []int{event}, "%d probes of stream %s were lost, expected is at most %d", lost, stream.name, *most)
		}
	}
}
