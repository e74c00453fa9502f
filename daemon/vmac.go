package daemon

import (
	"cmp"
	"fmt"
	"net/netip"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// vmac is an interface that vipd makes: the macvlan of a virtual router MAC.
type vmac struct {
	parent   *attachment
	settings netif.VMAC // Parent and LinkLocal are filled in when it is made
	is6      bool
}

// vmacOf is the interface for a virtual router MAC address that an instance
// asks for; nil when it asks for none.
func (l *loop) vmacOf(i config.Instance, parent *attachment) *attachment {
	if i.VMAC == nil {
		return nil
	}
	a := l.attach(cmp.Or(i.VMAC.Name, fmt.Sprintf("vrrp%s.%d", map[bool]string{true: "6"}[i.IPv6], i.VRID)))
	hardware := i.VMAC.Hardware
	if hardware == nil {
		hardware = netif.VirtualMAC(i.VRID, i.IPv6)
	}
	a.vmac = &vmac{parent: parent, is6: i.IPv6, settings: netif.VMAC{Name: a.name, Hardware: hardware}}
	parent.above = append(parent.above, a)
	return a
}

// ensure makes the interface of a virtual router MAC where the one below is
// there, and notes it.
func (l *loop) ensure(a *attachment) error {
	if a.vmac == nil || a.vmac.parent.link.Index == 0 || a.link.Index != 0 {
		return nil
	}
	settings := a.vmac.settings
	settings.Parent = a.vmac.parent.link.Index
	if a.vmac.is6 {
		settings.LinkLocal, _ = a.vmac.parent.primary(true, true)
	}
	link, err := l.network.ensureVMAC(settings)
	if err != nil {
		return err
	}
	l.relink(a, link)
	if settings.LinkLocal.IsValid() {
		a.addressSet(netip.PrefixFrom(settings.LinkLocal, linkLocalBits))
	}
	return nil
}

// linkLocalBits is the length of the link-local prefix (RFC 4291 §2.5.6).
const linkLocalBits = 64

// releaseVMACs removes the interfaces that vipd made.
func (l *loop) releaseVMACs() {
	for _, a := range l.ordered {
		if a.vmac == nil {
			continue
		}
		if err := l.network.releaseVMAC(a.vmac.settings); err != nil {
			l.logger.Error("interface of a virtual router MAC not removed", "interface", a.name, "error", err)
		}
	}
}
