package daemon

import (
	"net/netip"
	"time"

	"takeover/daemon/netif"
	"takeover/daemon/transport"
)

// network is what the loop does to the world.
type network interface {
	// listen opens the interface for advertisements from source. notify is
	// called from any goroutine when packets have arrived.
	listen(link netif.Link, source netip.Addr, notify func()) (conn, error)
	// announcer prepares to announce the addresses on the interface.
	announcer(link netif.Link, addresses []netip.Addr) (announcer, error)
	// set puts the address on the interface of that index; it may be there.
	set(index int, prefix netip.Prefix, label string) error
	// remove takes the address off; it may be gone.
	remove(index int, prefix netip.Prefix) error
}

// conn is an interface opened for advertisements; see transport.Conn.
type conn interface {
	Send(payload []byte) error
	Receive() (transport.Datagram, error)
	SetSource(source netip.Addr) error
	Close()
}

// announcer sends gratuitous ARP; see transport.Announcer.
type announcer interface {
	Announce(address netip.Addr, count int) error
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

func (n kernelNetwork) listen(link netif.Link, source netip.Addr, notify func()) (conn, error) {
	c, err := transport.Listen(link.Name, link.Index, source)
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
	return transport.NewAnnouncer(link.Name, link.Index, link.Hardware, addresses)
}

func (n kernelNetwork) set(index int, prefix netip.Prefix, label string) error {
	return n.kernel.Set(index, prefix, label)
}

func (n kernelNetwork) remove(index int, prefix netip.Prefix) error {
	return n.kernel.Remove(index, prefix)
}

// silent announces on an interface without neighbours, such as lo.
type silent struct{}

func (silent) Announce(netip.Addr, int) error { return nil }
func (silent) Close()                         {}
