package daemon

import (
	"fmt"
	"net/netip"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/track"
	"takeover/daemon/vrrp"
)

// instance is one vrrp_instance: a virtual router, what it needs, and what it
// depends on.
type instance struct {
	config   config.Instance
	on       *attachment // where it advertises
	virtuals []virtual   // in the configuration's order
	tracked  []*tracked

	router   *vrrp.VirtualRouter // nil until there was a primary address
	priority uint8               // the router's, as last told
	latest   time.Time           // of the events it was stepped with

	refusals throttle
	failures throttle // of sending
}

// ownerPriority is the priority of the router that owns the virtual addresses
// (RFC 3768 §5.3.4).
const ownerPriority = 255

func (i *instance) isOwner() bool { return i.config.Priority == ownerPriority }

// state is the virtual router's; Initialize before there is one.
func (i *instance) state() vrrp.State {
	if i.router == nil {
		return vrrp.Initialize
	}
	return i.router.State()
}

// fault is the first reason why the virtual router cannot run; empty when it
// can.
func (i *instance) fault() string {
	if fault := i.interfaceFault(i.on); fault != "" {
		return fault
	}
	if i.on.conn == nil {
		return "no primary address on interface " + i.on.name
	}
	for _, v := range i.virtuals {
		if fault := i.interfaceFault(v.on); fault != "" {
			return fault
		}
		if v.on.announcer == nil {
			return "no announcements on interface " + v.on.name
		}
	}
	for _, t := range i.tracked {
		if fault := t.fault(); fault != "" {
			return fault
		}
	}
	return ""
}

// interfaceFault is a's fault, unless a is the interface it advertises on and
// the configuration says that it may be down (dont_track_primary).
func (i *instance) interfaceFault(a *attachment) string {
	if a == i.on && i.config.DontTrackPrimary && a.link.Index != 0 {
		return ""
	}
	return a.fault()
}

// effectivePriority is the configured priority with the weights of what is
// tracked.
func (i *instance) effectivePriority() uint8 {
	weights := make([]track.Weight, len(i.tracked))
	for n, t := range i.tracked {
		weights[n] = t.weight
	}
	return uint8(track.EffectivePriority(int(i.config.Priority), weights...))
}

// build makes the virtual router anew, in Initialize, for the primary address.
func (i *instance) build(primary netip.Addr) error {
	priority := i.effectivePriority()
	addresses := make([]netip.Addr, len(i.virtuals))
	for n, v := range i.virtuals {
		addresses[n] = v.prefix.Addr()
	}
	router, err := vrrp.New(vrrp.Parameters{
		Version:               vrrp.Version(i.config.Version),
		VRID:                  i.config.VRID,
		Priority:              priority,
		AdvertisementInterval: i.config.AdvertInterval,
		PrimaryAddress:        primary,
		VirtualAddresses:      addresses,
		NoPreempt:             i.config.NoPreempt,
		Authentication:        authentication(i.config.AuthPass),
		AnnounceCount:         i.config.GARPRepeat,
		AnnounceDelay:         i.config.GARPDelay,
	})
	if err != nil {
		return fmt.Errorf("vrrp_instance %s: %w", i.config.Name, err)
	}
	i.router, i.priority = router, priority
	return nil
}

// authentication is RFC 2338 §5.3.10's simple text password, cut to its eight
// bytes, or none.
func authentication(password string) vrrp.Authentication {
	if password == "" {
		return vrrp.Authentication{Type: vrrp.AuthenticationNone}
	}
	a := vrrp.Authentication{Type: vrrp.AuthenticationPass}
	copy(a.Data[:], password)
	return a
}
