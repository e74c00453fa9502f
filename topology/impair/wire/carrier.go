package wire

import (
	"errors"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// carrier lets each side of a wire see when the other has gone.
type carrier struct {
	*devices
	lowered bool // the port is down because of us
	stop    chan struct{}
	ended   chan struct{}
	changes chan netlink.LinkUpdate
}

// watchCarrier begins.
func watchCarrier(d *devices, network ns.NetNS) (*carrier, error) {
	c := &carrier{devices: d, stop: make(chan struct{}), ended: make(chan struct{}), changes: make(chan netlink.LinkUpdate, 100)}
	space := netns.NsHandle(network.Fd())
	options := netlink.LinkSubscribeOptions{Namespace: &space, ErrorCallback: func(error) {}}
	if err := netlink.LinkSubscribeWithOptions(c.changes, c.stop, options); err != nil {
		return nil, err
	}
	go c.run()
	return c, nil
}

func (c *carrier) run() {
	defer close(c.ended)
	for {
		select {
		case change, ok := <-c.changes:
			if !ok {
				return
			}
			if index := change.Attrs().Index; index == c.port.Attrs().Index || index == c.outer.Attrs().Index {
				_ = c.carry() // one of them is gone: so is the wire
			}
		case <-c.stop:
			return
		}
	}
}

// carry makes both sides alike: the bridge's side has a carrier while the port
// runs, and the port is up while the bridge's side is, unless somebody else set
// it down.
func (c *carrier) carry() error {
	port, outer, err := c.look()
	if err != nil {
		return err
	}
	switch {
	case !isUp(outer) && isUp(port):
		c.lowered = true
		return c.handle.LinkSetDown(c.port)
	case isUp(outer) && c.lowered:
		c.lowered = false
		return errors.Join(c.handle.LinkSetUp(c.port), c.handle.LinkSetUp(c.inner))
	case !c.lowered:
		return c.follow()
	}
	return nil
}

// end ends it, and gives the port back what it took.
func (c *carrier) end() error {
	close(c.stop)
	<-c.ended
	if !c.lowered {
		return nil
	}
	return c.handle.LinkSetUp(c.port)
}
