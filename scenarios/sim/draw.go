package sim

import (
	"time"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
)

// Draw says what a random schedule is drawn from.
type Draw struct {
	// Options are those of every schedule, but for what is drawn.
	Options Options
	// Which of the options are drawn anew for each schedule: the count of
	// routers from 2 to 5 with their priorities, the version and IPv6, the interval,
	// the preemption, guardians, leases, the intervals of Active_Down_Interval,
	// what follows from a lost peer, and one segment or two.
	Routers, Version, Interval, Preempt, Guardian, Lease, DownTimer, PeerLoss, Segments bool
	// Faults is the most faults of a schedule, at least 1.
	Faults int
	// Span is within which time they begin; zero is 20 intervals.
	Span time.Duration
}

// codecShare is how many of the schedules send every advertisement through its
// bytes.
const codecShare = 1.0 / 16

// Schedule draws the schedule of a seed. Its faults may overlap; after the
// last one all is healed.
func (d *Draw) Schedule(seed uint64) *Schedule {
	random := newStream(seed, -1)
	s := &Schedule{Seed: seed, Options: d.options(&random)}
	o := &s.Options
	span := d.Span
	if span == 0 {
		span = 20 * o.Interval
	}
	count := 1 + int(random.below(int64(d.Faults)))
	for i := range count {
		// Each fault has a stream of its own: fewer of them change no other.
		own := newStream(seed, -2-i)
		f := drawFault(&own, o, span)
		if o.Segments > 1 && (f.Kind.ofLinks() || f.Kind == Unplug) {
			f.Segment = int(own.below(int64(1 + o.Segments)))
		}
		s.Faults = append(s.Faults, f)
		if detected, ok := drawDetection(&own, o, &f); ok {
			s.Faults = append(s.Faults, detected)
		}
	}
	s.Calm = 10 * o.Interval
	return s
}

// Long draws a schedule of that length, with a fault in every stretch of
// every; none when every is zero.
func (d *Draw) Long(seed uint64, length, every time.Duration) *Schedule {
	random := newStream(seed, -1)
	s := &Schedule{Seed: seed, Options: d.options(&random)}
	if every > 0 {
		for i := range int(length / every) {
			own := newStream(seed, -2-i)
			f := drawFault(&own, &s.Options, every/2)
			f.At += time.Duration(i) * every
			s.Faults = append(s.Faults, f)
		}
	}
	settled, _ := s.settled(conduct.NewJudge(s.Options.history(), s.Options.limits()))
	s.Calm = max(10*s.Options.Interval, length-settled)
	return s
}

func (d *Draw) options(random *stream) Options {
	o := d.Options
	if d.Routers {
		o.Routers = make([]Router, 2+random.below(4))
		for i := range o.Routers {
			o.Routers[i] = Router{Priority: uint8(max(1, 254-random.below(20)*13))}
		}
		if random.happens(0.1) {
			o.Routers[0].Priority = 255
		}
	} else {
		o.Routers = append([]Router(nil), o.Routers...)
	}
	if d.Preempt {
		never := random.happens(0.2)
		for i := range o.Routers {
			o.Routers[i].NoPreempt = o.Routers[i].Priority != 255 && (never || random.happens(0.15))
		}
	}
	if d.Version {
		o.Version = vrrp.Version2 + vrrp.Version(random.below(2))
	}
	if d.Interval {
		o.Interval = drawInterval(random, o.Version)
	}
	if d.Guardian {
		o.Guardian = random.happens(0.5)
		o.Farewell = between(random, 0, 20*time.Millisecond)
	}
	if d.Lease {
		o.Lease = 0
		if random.happens(0.5) {
			o.Lease = o.Interval + max(o.Interval, time.Second)
		}
	}
	o.Codec = o.Codec || random.happens(codecShare)
	if d.Version {
		o.IPv6 = o.Version == vrrp.Version3 && random.happens(0.5)
	}
	if d.DownTimer && random.happens(0.2) {
		o.DownTimerAdverts = 1 + int(random.below(6))
	}
	if d.Segments && random.happens(0.2) {
		o.Segments = 2
	}
	if d.PeerLoss && random.happens(0.3) {
		o.PeerLoss = vrrp.PeerLossExpires + vrrp.PeerLoss(random.below(2))
	}
	return o
}

func drawInterval(random *stream, version vrrp.Version) time.Duration {
	if version == vrrp.Version2 || random.happens(0.5) {
		return time.Duration(1+random.below(3)) * time.Second
	}
	return [...]time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 330 * time.Millisecond}[random.below(3)]
}

// between is uniform, in microseconds.
func between(random *stream, low, high time.Duration) time.Duration {
	return low + time.Duration(random.below(int64((high-low)/time.Microsecond)+1))*time.Microsecond
}

func drawFault(random *stream, o *Options, span time.Duration) Fault {
	routers := int64(len(o.Routers))
	f := Fault{Kind: kinds[random.below(int64(len(kinds)))], At: between(random, 0, span)}
	if routers == 1 && f.Kind.ofLinks() {
		f.Kind = Crash // there is nobody to talk to
	}
	f.For = drawLength(random, o.Interval)
	if !f.Kind.ofLinks() {
		f.Router = int(random.below(routers))
		switch f.Kind {
		case Clock:
			f.Rate = drawRate(random)
		case Priority:
			f.Priority = uint8(1 + random.below(254))
		case Crash, Stop, Pause, Unplug, Cut, Loss, Burst, Delay, Duplicate, Reorder, Lose:
		}
		return f
	}
	f.From, f.To = drawLinks(random, int(routers))
	f.Both = random.happens(0.5)
	f.Share = float64(1+random.below(100)) / 100
	switch f.Kind {
	case Burst:
		f.Share /= 4
		f.EndShare = float64(1+random.below(100)) / 100
	case Delay:
		f.Share = 0
		f.Delay = between(random, 0, 2*o.Interval)
		f.Jitter = between(random, 0, 2*o.Interval)
	case Reorder:
		f.Delay = between(random, time.Millisecond, 3*o.Interval)
	case Cut, Lose:
		f.Share = 0
	case Loss, Duplicate, Crash, Stop, Pause, Clock, Unplug, Priority:
	}
	return f
}

// drawDetection is how others are told of a fault, a little later, where that
// is of use to them.
func drawDetection(random *stream, o *Options, of *Fault) (Fault, bool) {
	if o.PeerLoss == vrrp.PeerLossIgnored || len(o.Routers) == 1 {
		return Fault{}, false
	}
	f := Fault{Kind: Lose, For: time.Millisecond, Segment: of.Segment}
	switch of.Kind {
	case Crash, Stop, Pause, Unplug:
		f.From = SetOf(of.Router)
		f.To = everybody(len(o.Routers)) &^ f.From
	case Cut:
		f.From, f.To, f.Both = of.From, of.To, of.Both
	case Clock, Loss, Burst, Delay, Duplicate, Reorder, Priority, Lose:
		return Fault{}, false
	}
	f.At = of.At + between(random, time.Millisecond, o.Interval/2)
	return f, random.happens(0.7)
}

// drawLength is how long a fault lasts: below an interval as often as several.
func drawLength(random *stream, interval time.Duration) time.Duration {
	if random.happens(0.3) {
		return between(random, 10*time.Microsecond, interval)
	}
	return between(random, interval, 12*interval)
}

// drawRate is a clock that is a little wrong, or very.
func drawRate(random *stream) conduct.Rate {
	if random.happens(0.5) {
		return conduct.TrueRate - 1000 + conduct.Rate(random.below(2001))
	}
	return slowest + conduct.Rate(random.below(int64(fastest-slowest)+1))
}

// drawLinks is one router towards all others, one link, or a partition.
func drawLinks(random *stream, routers int) (from, to Set) {
	all := everybody(routers)
	switch random.below(3) {
	case 0:
		from = SetOf(int(random.below(int64(routers))))
		return from, all &^ from
	case 1:
		a := int(random.below(int64(routers)))
		b := (a + 1 + int(random.below(int64(routers-1)))) % routers
		return SetOf(a), SetOf(b)
	}
	from = Set(1 + random.next()%uint64(all-1))
	return from, all &^ from
}
