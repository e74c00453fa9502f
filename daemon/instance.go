package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/notify"
	"takeover/daemon/track"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// instance is one vrrp_instance: a virtual router, what it needs, and what it
// depends on.
type instance struct {
	config   *config.Instance // in the loop's configuration
	unit     *unit
	member   int         // its place in the unit
	on       *attachment // whose link it needs
	vmac     *attachment // the interface of its virtual router MAC; nil: none
	listener *listener   // where it advertises
	virtuals []*virtual  // in the configuration's order
	tracked  []*tracked
	peers    transport.Peers // nil in multicast
	to       []netip.Addr    // whom its advertisements go to
	seal     seal

	router   *vrrp.VirtualRouter // nil until there was a primary address
	priority uint8               // the router's, as last told
	learnt   time.Duration       // the Active's interval, as last logged

	since          time.Time // of its state
	counts         counters
	activePriority uint8 // of the Active that a Backup heard last

	startupDelay time.Duration // of the daemon's start only

	lease   time.Duration // of its virtual addresses; 0: they are set for good
	renewed time.Time     // when its leases were renewed

	unpublished bool // the guardian does not know its latest

	isNoticed bool         // it is among the loop's noticed
	told      notify.Event // to scripts and FIFOs

	buffer        []byte // for what it sends
	latestVirtual int    // where virtual last found one

	refusals throttle
	failures throttle // of sending and setting
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
	if i.config.TrackSource && !i.listener.hasSource() {
		return "source address " + i.config.Source.String() + " is not on interface " + i.on.name
	}
	if i.listener.conn == nil {
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

// needs reports whether the virtual router cannot run without a.
func (i *instance) needs(a *attachment) bool {
	return a == i.on || a == i.vmac || slices.ContainsFunc(i.virtuals, func(v *virtual) bool { return v.on == a })
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
func (i *instance) build() (*vrrp.VirtualRouter, error) {
	router, err := vrrp.New(i.parameters())
	if err != nil {
		return nil, fmt.Errorf("vrrp_instance %s: %w", i.config.Name, err)
	}
	return router, nil
}

// use makes router the instance's.
func (i *instance) use(router *vrrp.VirtualRouter) {
	p := router.Parameters()
	i.router, i.priority, i.learnt = router, p.Priority, p.AdvertisementInterval
}

// parameters are those of the virtual router, with the primary address and the
// priority of now.
func (i *instance) parameters() vrrp.Parameters {
	c := i.config
	return vrrp.Parameters{
		Version:               vrrp.Version(c.Version),
		VRID:                  c.VRID,
		Priority:              i.effectivePriority(),
		AdvertisementInterval: c.AdvertInterval,
		PrimaryAddress:        i.listener.source,
		VirtualAddresses:      addressesOf(c.VirtualAddresses),
		ExcludedAddresses:     addressesOf(c.ExcludedAddresses),
		NoPreempt:             c.NoPreempt,
		Authentication:        authentication(*c),
		PlainChecksum:         c.PlainChecksum,
		AnnounceCount:         c.GARPRepeat,
		AnnounceDelay:         c.GARPDelay,
		AnnounceRefresh:       c.GARPRefresh,
		AnnounceRefreshCount:  c.GARPRefreshRepeat,
		RivalAnnounceCount:    &i.config.GARPLowerPrioRepeat,
		RivalAnnounceDelay:    c.GARPLowerPrioDelay,
		SilentToRivals:        c.LowerPrioNoAdvert,
		AdvertBeforeYielding:  c.HigherPrioSendAdvert,
		PreemptDelay:          c.PreemptDelay,
		StartupDelay:          i.startupDelay,
		DownTimerAdverts:      c.DownTimerAdverts,
		CheckAddresses:        c.Version == 2 && !c.SkipCheckAddresses || c.Strict,
		FastPreempt:           fastPreempt(c.FastPreempt),
		PeerLoss:              peerLoss(c.BFDExpire),
	}
}

func addressesOf(configured []config.VirtualAddress) []netip.Addr {
	addresses := make([]netip.Addr, len(configured))
	for n, a := range configured {
		addresses[n] = a.Prefix.Addr()
	}
	return addresses
}

func fastPreempt(f config.FastPreempt) vrrp.FastPreempt {
	switch f {
	case config.FastPreemptResign:
		return vrrp.FastPreemptResign
	case config.FastPreemptAdvert:
		return vrrp.FastPreemptAdvert
	case config.FastPreemptOff:
	}
	return vrrp.FastPreemptOff
}

func peerLoss(e config.BFDExpire) vrrp.PeerLoss {
	switch e {
	case config.BFDExpireOn:
		return vrrp.PeerLossExpires
	case config.BFDExpireSkew:
		return vrrp.PeerLossSkews
	case config.BFDExpireOff:
	}
	return vrrp.PeerLossIgnored
}

// wayOf is how the instance's advertisements travel.
func wayOf(i config.Instance) way {
	w := way{is6: i.IPv6, isAH: i.AuthType == config.AuthHeader, source: i.Source}
	if len(i.UnicastPeers) > 0 {
		w.unicast, w.ttl = true, i.UnicastTTL
	} else {
		w.group = i.Group
	}
	return w
}

// peersOf are the unicast peers; nil in multicast.
func peersOf(i config.Instance) transport.Peers {
	var peers transport.Peers
	for _, p := range i.UnicastPeers {
		peers = append(peers, transport.Peer{Address: p.Address, MinTTL: p.MinTTL, MaxTTL: p.MaxTTL})
	}
	return peers
}
