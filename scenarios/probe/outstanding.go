//go:build linux

package probe

import (
	"time"

	"takeover/scenarios/history"
)

// outstanding are the probes of a stream that are under way: from oldest to
// before next, by number modulo the length.
type outstanding struct {
	stream  string
	report  *reporter
	probes  []pendingProbe
	oldest  int
	next    int
	waiting int // for an answer, of those
}

type pendingProbe struct {
	at   time.Duration
	done bool // answered, or never sent
}

func newOutstanding(stream string, r *reporter) outstanding {
	return outstanding{stream: stream, report: r, probes: make([]pendingProbe, 2*outstandingMax)}
}

// prepare makes room for a probe, by giving up those sent before a time.
func (o *outstanding) prepare(seq int, before time.Duration) {
	o.giveUp(before)
	if seq-o.oldest == len(o.probes) { // after more than a minute of standstill
		o.giveUp(o.probes[o.oldest%len(o.probes)].at)
	}
}

// sent adds a probe, or reports why it could not be sent.
func (o *outstanding) sent(seq int, at time.Duration, err error) {
	o.probes[seq%len(o.probes)] = pendingProbe{at: at, done: err != nil}
	o.next = seq + 1
	if err != nil {
		o.report.add(at, history.Probe{Stream: o.stream, Seq: seq, Error: "send: " + err.Error()})
		return
	}
	o.waiting++
}

// answered reports the answer to a probe that came at a time; what is corrupted,
// a duplicate or too late is passed over.
func (o *outstanding) answered(seq int, came, timeout time.Duration, by string) {
	if seq < o.oldest || seq >= o.next {
		return
	}
	p := &o.probes[seq%len(o.probes)]
	rtt := max(came-p.at, 1)
	if p.done || rtt > timeout {
		return
	}
	p.done = true
	o.waiting--
	o.report.add(p.at, history.Probe{Stream: o.stream, Seq: seq, RTT: rtt, By: by})
}

// giveUp reports the probes that were sent before the given time as lost.
func (o *outstanding) giveUp(before time.Duration) {
	for ; o.oldest < o.next; o.oldest++ {
		p := o.probes[o.oldest%len(o.probes)]
		if p.at > before {
			return
		}
		if !p.done {
			o.waiting--
			o.report.add(p.at, history.Probe{Stream: o.stream, Seq: o.oldest, Error: errorTimeout})
		}
	}
}
