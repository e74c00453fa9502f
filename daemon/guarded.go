package daemon

import (
	"net/netip"
	"time"

	"takeover/daemon/vrrp"
)

// guardedState is what a guardian must know to release everything in the
// worker's name.
type guardedState struct {
	Instances []guardedInstance `json:"instances"`
}

// guardedInstance is one virtual router. Its addresses are removed whatever
// its state, since the worker may die between setting one and telling so.
type guardedInstance struct {
	Name      string           `json:"name"`
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

// publish tells the guardian the state of all instances, if it changed. That
// happens after the actions of a step, to keep the way to the first
// announcement short.
func (l *loop) publish() {
	if !l.unpublished {
		return
	}
	l.unpublished = false
	state := guardedState{Instances: make([]guardedInstance, 0, len(l.instances))}
	for _, i := range l.instances {
		if i.router == nil {
			continue
		}
		g, err := i.guarded()
		if err != nil {
			l.logger.Error("instance is not guarded", "instance", i.config.Name, "error", err)
			continue
		}
		state.Instances = append(state.Instances, g)
	}
	l.tell(state)
}

func (i *instance) guarded() (guardedInstance, error) {
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
		Seal:      guardedSealOf(i),
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
