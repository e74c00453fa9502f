package daemon

import (
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// pace keeps the announcements of one family on one interface apart
// (vrrp_garp_interval, vrrp_gna_interval of keepalived.conf(5)). Those that
// must wait do so here, while the loop goes on.
type pace struct {
	interval time.Duration
	next     time.Time // when the next one may go out
	waiting  []waiting
}

// waiting is an address that is to be announced so many times.
type waiting struct {
	of      *instance
	address netip.Addr
	count   int
	done    int // how often it has been announced meanwhile
}

// paceOf is the pace of announcements of a family on a; nil when they need not
// be kept apart. The interface of a virtual router MAC shares that of the one
// below, on whose link they meet.
func (l *loop) paceOf(a *attachment, is6 bool) *pace {
	if a.vmac != nil {
		a = a.vmac.parent
	}
	of, interval := &a.garp, l.config.Global.GARPInterval
	if is6 {
		of, interval = &a.gna, l.config.Global.GNAInterval
	}
	if *of == nil && interval > 0 {
		*of = &pace{interval: interval}
		l.paces = append(l.paces, *of)
	}
	return *of
}

// add has an address announced so many times, in its turn. One that waits
// already is not announced more often for that.
func (p *pace) add(i *instance, address netip.Addr, count int) {
	n := slices.IndexFunc(p.waiting, func(w waiting) bool { return w.of == i && w.address == address })
	if n >= 0 {
		p.waiting[n].count = max(p.waiting[n].count, count)
		return
	}
	p.waiting = append(p.waiting, waiting{of: i, address: address, count: count})
}

// take takes the next announcement out, if its time has come. All addresses are
// announced once before any is again.
func (p *pace) take(now time.Time) (next waiting, due bool) {
	if len(p.waiting) == 0 || now.Before(p.next) {
		return waiting{}, false
	}
	first := 0
	for n := range p.waiting {
		if p.waiting[n].done < p.waiting[first].done {
			first = n
		}
	}
	next = p.waiting[first]
	if next.count > 1 {
		p.waiting[first].count--
		p.waiting[first].done++
	} else {
		p.waiting = slices.Delete(p.waiting, first, first+1)
	}
	p.next = now.Add(p.interval)
	return next, true
}

// drop forgets what an instance that is not Active any more has waiting.
func (p *pace) drop(i *instance) {
	p.waiting = slices.DeleteFunc(p.waiting, func(w waiting) bool { return w.of == i })
}

// announcePaced sends the announcements whose time has come.
func (l *loop) announcePaced(now time.Time) {
	for _, p := range l.paces {
		w, due := p.take(now)
		if !due {
			continue
		}
		v := volley{on: w.of.carrier(w.address), addresses: []netip.Addr{w.address}, times: 1}
		if err := v.fire(); err != nil {
			l.failed(now, w.of, vrrp.Announce{}, err)
		}
	}
}

// firstPaced is when the next announcement is due; zero when none waits.
func (l *loop) firstPaced() (first time.Time) {
	for _, p := range l.paces {
		if len(p.waiting) > 0 && (first.IsZero() || p.next.Before(first)) {
			first = p.next
		}
	}
	return first
}
