package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// vmac is an interface that vipd makes: the macvlan of a virtual router MAC.
type vmac struct {
	parent   *attachment
	settings netif.VMAC // Parent and LinkLocal are as it was made last
	is6      bool
	index    int // of what was made; 0: nothing was
	// isComing says that it was made just now, and that the kernel's news of
	// that, how it was before it was up, are still to be heard.
	isComing bool
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
// there, and notes it. What a predecessor left is looked through, and it
// follows the link-local address of the one below.
func (l *loop) ensure(now time.Time, a *attachment) error {
	v := a.vmac
	if v == nil || v.parent.link.Index == 0 {
		return nil
	}
	before, settings := v.settings, v.settings
	settings.Parent = v.parent.link.Index
	if address, found := v.parent.primary(true, true); v.is6 && found {
		settings.LinkLocal = address
	}
	isMade := v.index != 0 && v.index == a.link.Index
	if isMade && settings.Parent == before.Parent && settings.LinkLocal == before.LinkLocal {
		return nil
	}
	link, err := l.network.ensureVMAC(settings)
	if err != nil {
		return err
	}
	v.isComing = link.Index != a.link.Index && link.Running
	v.settings, v.index = settings, link.Index
	l.relink(now, a, link)
	if isMade && before.LinkLocal.IsValid() && before.LinkLocal != settings.LinkLocal {
		former := netif.Address{Index: link.Index, Prefix: netip.PrefixFrom(before.LinkLocal, linkLocalBits)}
		err = errorAt(l.network.remove([]netif.Address{former}), 0)
	}
	if settings.LinkLocal.IsValid() {
		a.addressSet(netip.PrefixFrom(settings.LinkLocal, linkLocalBits))
	}
	return err
}

// isOld reports whether news of an interface are older than what was seen when
// it was made.
func (a *attachment) isOld(news netif.Link) bool {
	if a.vmac == nil || !a.vmac.isComing || news.Index != a.link.Index {
		return false
	}
	a.vmac.isComing = !news.Running
	return a.vmac.isComing
}

// linkLocalBits is the length of the link-local prefix (RFC 4291 §2.5.6).
const linkLocalBits = 64

// releaseVMACs removes the interfaces that vipd made.
func (l *loop) releaseVMACs() {
	for _, a := range l.ordered {
		if a.vmac == nil {
			continue
		}
		l.beLong()
		if err := l.network.releaseVMAC(a.vmac.settings); err != nil {
			l.logger.Error("interface of a virtual router MAC not removed", "interface", a.name, "error", err)
		}
	}
}
