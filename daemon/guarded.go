package daemon

import (
	"net/netip"
	"time"

	"takeover/daemon/vrrp"
)

// guardedState is what a guardian must know to release everything in the
// worker's name: the instances in the order in which they were first told.
type guardedState struct {
	instances []guardedInstance
	byName    map[string]int
}

// set adds an instance, or replaces what was told of it before. It returns its
// place.
func (s *guardedState) set(i guardedInstance) int {
	n, known := s.byName[i.Name]
	if known {
		s.instances[n] = i
		return n
	}
	if s.byName == nil {
		s.byName = make(map[string]int)
	}
	n = len(s.instances)
	s.byName[i.Name] = n
	s.instances = append(s.instances, i)
	return n
}

// guardedInstance is one virtual router. Its addresses are removed whatever
// its state, since the worker may die between setting one and telling so.
type guardedInstance struct {
	Name      string           `json:"name"`
	Gone      bool             `json:"gone,omitempty"` // not in the configuration any more
	Active    bool             `json:"active"`
	Interval  time.Duration    `json:"interval_ns"` // between its advertisements
	Farewells []guardedMessage `json:"farewells"`   // its advertisements of priority 0
	Seal      *guardedSeal     `json:"seal,omitempty"`
	Addresses []guardedAddress `json:"addresses"`
}

// guardedMessage is an advertisement that is ready to be sent, to the group or
// to one peer.
type guardedMessage struct {
	Index       int        `json:"index"` // of the interface it goes out on
	Source      netip.Addr `json:"source"`
	Destination netip.Addr `json:"destination"`
	TTL         uint8      `json:"ttl"`
	Payload     []byte     `json:"payload"`
}

// guardedAddress is one virtual address on the interface of that index.
type guardedAddress struct {
	Index  int          `json:"index"`
	Prefix netip.Prefix `json:"prefix"`
}

// unpublish notes that the guardian does not know the latest of an instance.
func (l *loop) unpublish(i *instance) {
	if !i.unpublished {
		i.unpublished = true
		l.unpublished = append(l.unpublished, i)
	}
}

// publish tells the guardian what it does not know yet. That happens after the
// actions of a step, to keep the way to the first announcement short.
func (l *loop) publish(now time.Time) {
	if len(l.unpublished) == 0 {
		return
	}
	changes := make([]guardedInstance, 0, len(l.unpublished))
	for _, i := range l.unpublished {
		i.unpublished = false
		if i.router == nil {
			continue
		}
		g, err := i.guarded(now)
		if err != nil {
			l.logger.Error("instance is not guarded", "instance", i.config.Name, "error", err)
			continue
		}
		changes = append(changes, g)
	}
	l.unpublished = l.unpublished[:0]
	l.tell(changes)
}

func (i *instance) guarded(now time.Time) (guardedInstance, error) {
	p := i.router.Parameters()
	farewell := vrrp.Advertisement{
		Version:        p.Version,
		VRID:           p.VRID,
		Priority:       0,
		Interval:       p.AdvertisementInterval,
		Addresses:      p.VirtualAddresses,
		Authentication: p.Authentication,
		PlainChecksum:  p.PlainChecksum,
	}
	g := guardedInstance{
		Name:      i.config.Name,
		Active:    i.state() == vrrp.Active,
		Interval:  p.AdvertisementInterval,
		Seal:      i.seal.guarded(now),
		Addresses: make([]guardedAddress, 0, len(i.virtuals)),
	}
	for _, destination := range i.to {
		payload, err := vrrp.Encode(farewell, p.PrimaryAddress, destination)
		if err != nil {
			return guardedInstance{}, err
		}
		g.Farewells = append(g.Farewells, guardedMessage{
			Index: i.listener.sendIndex(), Source: p.PrimaryAddress, Destination: destination,
			TTL: i.listener.ttl(), Payload: payload,
		})
	}
	for _, v := range i.virtuals {
		if !v.native {
			g.Addresses = append(g.Addresses, guardedAddress{Index: v.on.link.Index, Prefix: v.prefix})
		}
	}
	return g, nil
}
