package live

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"takeover/scenarios/history"
)

// picture is how the hosts stand, by what was observed of them so far.
type picture struct {
	log *history.Log

	mu        sync.Mutex
	read      int // the last event taken in
	addresses map[string]map[held]time.Duration
	links     map[onHost]history.Link
	states    map[onHost]history.Transition // by the instance
	adverts   map[string]time.Duration      // when a host last sent one
}

// held is an address of a host.
type held struct {
	device string
	prefix netip.Prefix
}

// onHost is something of a host by its name.
type onHost struct{ host, name string }

func newPicture(log *history.Log) *picture {
	return &picture{
		log: log, addresses: map[string]map[held]time.Duration{}, links: map[onHost]history.Link{},
		states: map[onHost]history.Transition{}, adverts: map[string]time.Duration{},
	}
}

// update takes in what was appended since. The caller holds mu.
func (p *picture) update() {
	for _, event := range p.log.Since(p.read) {
		p.read = event.ID
		p.take(event)
	}
}

// refresh does so for nobody but the picture itself: the log does not keep all.
func (p *picture) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
}

func (p *picture) take(event history.Event) {
	switch body := event.Body.(type) {
	case history.Address:
		all := p.addresses[event.Host]
		if all == nil {
			all = map[held]time.Duration{}
			p.addresses[event.Host] = all
		}
		key := held{body.Interface, body.Prefix}
		if _, there := all[key]; !body.Present {
			delete(all, key)
		} else if !there {
			all[key] = event.At
		}
	case history.Link:
		p.links[onHost{event.Host, body.Interface}] = body
	case history.Transition:
		p.states[onHost{event.Host, body.Instance}] = body
	case history.Advert:
		if body.Direction == history.FromHost {
			p.adverts[event.Host] = max(p.adverts[event.Host], event.At)
		}
	case history.Trial, history.Phase, history.FaultArmed, history.FaultStart, history.FaultEnd, history.ARP,
		history.NA, history.Neighbour, history.Probe, history.Owners, history.Connection, history.Forwarding, history.Usage, history.ProcessStart, history.ProcessExit,
		history.Canary, history.Truth, history.Note:
		// They say nothing of how a host stands.
	}
}

// lastAdvert is when a host last sent an advertisement.
func (p *picture) lastAdvert(host string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	return p.adverts[host]
}

// holders are the hosts that have an address, sorted, and when the last of
// them got it.
func (p *picture) holders(address netip.Addr) (hosts []string, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	for host, all := range p.addresses {
		for key, at := range all {
			if key.prefix.Addr() == address && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
				since = max(since, at)
			}
		}
	}
	slices.Sort(hosts)
	return hosts, since
}

// of are the addresses of a host's interface, in their order.
func (p *picture) of(host, device string) []netip.Prefix {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	all := []netip.Prefix{}
	for key := range p.addresses[host] {
		if key.device == device {
			all = append(all, key.prefix)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return all
}

// devices are the interfaces of a host that have addresses, sorted.
func (p *picture) devices(host string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	names := map[string]bool{}
	for key := range p.addresses[host] {
		names[key.device] = true
	}
	return slices.SortedFunc(maps.Keys(names), cmp.Compare)
}

// link is the state of a host's interface: up with a carrier, as it was built,
// until something else was seen.
func (p *picture) link(host, device string) history.Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	if link, seen := p.links[onHost{host, device}]; seen {
		return link
	}
	return history.Link{Interface: device, Up: true, Carrier: true}
}

// state is what a daemon last said of an instance; empty: nothing.
func (p *picture) state(host, instance string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.update()
	return p.states[onHost{host, instance}].To
}
