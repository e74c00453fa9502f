package daemon

import (
	"net/netip"
	"time"

	"takeover/daemon/netif"
	"takeover/daemon/transport"
)

// network is what the loop does to the world.
type network interface {
	// listen opens a path for advertisements. notify is called from any
	// goroutine when packets have arrived.
	listen(p path, notify func()) (conn, error)
	// announcer prepares to announce the addresses on the interface.
	announcer(link netif.Link, addresses []netip.Addr) (announcer, error)
	// set puts the addresses on their interfaces; they may be there. Each
	// error stands where its address does; a nil list is none.
	set(batch []netif.Address) []error
	// renew prolongs the lifetimes of addresses, and sets those that ended.
	renew(batch []netif.Address) []error
	// remove takes the addresses off; they may be gone.
	remove(batch []netif.Address) []error
	// ensureVMAC and releaseVMAC make and remove the interface of a virtual
	// router MAC address.
	ensureVMAC(v netif.VMAC) (netif.Link, error)
	releaseVMAC(v netif.VMAC) error
	// askAnew has the neighbours asked for their hardware addresses as soon as
	// one is sent to.
	askAnew(link netif.Link, neighbours []netip.Addr) error
	// everything are the interfaces and addresses of now.
	everything() (netif.Resynchronized, error)
	// deny has packets to the addresses dropped; none: no more.
	deny(addresses []netip.Addr) error
}

// path is how advertisements travel, with the source that is in force.
type path struct {
	way
	receive, send netif.Link // the same, unless there is a virtual router MAC
	report        netif.Link // where the group is joined too; Index 0: nowhere
	peers         transport.Peers
	own           []netip.Addr // virtual addresses that others may own
}

// conn is a path opened for advertisements; see transport.Conn.
type conn interface {
	SendTo(destination netip.Addr, payload []byte) error
	Receive() (transport.Datagram, error)
	SetSource(source netip.Addr) error
	Rejoin() error
	Close()
}

// announcer sends announcements; see transport.Announcer.
type announcer interface {
	Announce(address netip.Addr, count int) error
	AnnounceAll(addresses []netip.Addr, count int) error
	Close()
}

// alarm wakes the loop at a time; see transport.Alarm.
type alarm interface {
	Set(t time.Time) error
	Stop() error
	C() <-chan struct{}
}

// kernelNetwork is the network of the process's own network namespace.
type kernelNetwork struct{ kernel *netif.Kernel }

func (n kernelNetwork) listen(p path, notify func()) (conn, error) {
	settings := transport.Settings{
		Interface: p.receive.Name, Index: p.receive.Index, Source: p.source, Group: p.group,
		UnicastTTL: p.ttl, AH: p.isAH, Own: p.own, ReportIndex: p.report.Index,
	}
	if p.unicast {
		settings.Peers = p.peers
	}
	if p.send.Index != p.receive.Index {
		settings.SendIndex = p.send.Index
	}
	c, err := transport.Open(settings)
	if err != nil {
		return nil, err
	}
	c.Watch(notify)
	return c, nil
}

func (n kernelNetwork) announcer(link netif.Link, addresses []netip.Addr) (announcer, error) {
	if !link.ARP {
		return silent{}, nil
	}
	return transport.OpenAnnouncer(transport.AnnouncerSettings{
		Interface: link.Name, Index: link.Index, Hardware: link.Hardware, Addresses: addresses,
	})
}

func (n kernelNetwork) set(batch []netif.Address) []error    { return n.kernel.Set(batch...) }
func (n kernelNetwork) renew(batch []netif.Address) []error  { return n.kernel.Renew(batch...) }
func (n kernelNetwork) remove(batch []netif.Address) []error { return n.kernel.Remove(batch...) }

func (n kernelNetwork) ensureVMAC(v netif.VMAC) (netif.Link, error) { return n.kernel.EnsureVMAC(v) }

func (n kernelNetwork) releaseVMAC(v netif.VMAC) error { return n.kernel.ReleaseVMAC(v) }

func (n kernelNetwork) askAnew(link netif.Link, neighbours []netip.Addr) error {
	return n.kernel.AskAnew(link.Index, neighbours)
}

func (n kernelNetwork) deny(addresses []netip.Addr) error { return n.kernel.Deny(addresses) }

func (n kernelNetwork) everything() (netif.Resynchronized, error) { return n.kernel.Everything() }

// silent announces on an interface without neighbours, such as lo.
type silent struct{}

func (silent) Announce(netip.Addr, int) error      { return nil }
func (silent) AnnounceAll([]netip.Addr, int) error { return nil }
func (silent) Close()                              {}
