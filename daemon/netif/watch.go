package netif

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Event is what Watch reports. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

type (
	// Resynchronized is everything as it is now. It is the first event, and
	// follows whenever events may have been lost.
	Resynchronized struct {
		Links     []Link
		Addresses []Address
	}
	// LinkChanged says that an interface is new or changed.
	LinkChanged struct{ Link Link }
	// LinkRemoved says that an interface is gone from the namespace.
	LinkRemoved struct{ Link Link }
	// AddressSet says that an address is new on an interface, and can be used.
	AddressSet struct{ Address Address }
	// AddressRemoved says that an address is gone from an interface.
	AddressRemoved struct{ Address Address }
)

func (Resynchronized) isEvent() {}
func (LinkChanged) isEvent()    {}
func (LinkRemoved) isEvent()    {}
func (AddressSet) isEvent()     {}
func (AddressRemoved) isEvent() {}

const (
	// receiveBufferBytes lets some thousand changes wait while the process is
	// stopped. The kernel caps it at net.core.rmem_max unless forced.
	receiveBufferBytes = 4 << 20
	// resubscribeDelay keeps a kernel that refuses subscriptions from being
	// asked in a busy loop.
	resubscribeDelay = 100 * time.Millisecond
)

// errEnded is why a subscription ended that gave no reason.
var errEnded = errors.New("the subscription ended")

// Watch sends events until ctx is done, and then returns nil. When a
// subscription fails it tells lost why, subscribes anew, and sends
// Resynchronized. Only a failure of the first subscription is returned.
//
// A renewed lifetime is no event. Links and addresses arrive over two sockets: the order between an
// interface's and its addresses' events is not that of the kernel.
func (k *Kernel) Watch(ctx context.Context, events chan<- Event, lost func(error)) error {
	for first := true; ; first = false {
		subscribed, err := k.watchOnce(ctx, events)
		if ctx.Err() != nil {
			return nil
		}
		if first && !subscribed {
			return fmt.Errorf("watch interfaces: %w", err)
		}
		lost(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

// watchOnce subscribes, reads the tables, and passes on what is reported until
// a subscription ends. The tables are read after subscribing, so that no
// change falls between; a change may therefore be reported twice.
func (k *Kernel) watchOnce(ctx context.Context, events chan<- Event) (subscribed bool, err error) {
	done := make(chan struct{})
	defer close(done)
	failure := make(chan error, 1)
	fail := func(err error) {
		select {
		case failure <- err:
		default:
		}
	}
	links := make(chan netlink.LinkUpdate, 16)
	addresses := make(chan netlink.AddrUpdate, 16)
	if err := subscribe(links, addresses, done, fail); err != nil {
		return false, err
	}
	// The senders block on these channels, and end by closing them.
	defer func() {
		go drain(links)
		go drain(addresses)
	}()
	all, err := k.everything()
	if err != nil {
		return false, err
	}
	if !send(ctx, events, all) {
		return true, ctx.Err()
	}
	known := knownFrom(all.Addresses)
	for {
		var event Event
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case err := <-failure:
			return true, err
		case update, open := <-links:
			if !open {
				return true, errEnded
			}
			event = linkEvent(update)
		case update, open := <-addresses:
			if !open {
				return true, errEnded
			}
			event = known.addressEvent(update)
		}
		if event != nil && !send(ctx, events, event) {
			return true, ctx.Err()
		}
	}
}

func subscribe(links chan netlink.LinkUpdate, addresses chan netlink.AddrUpdate, done chan struct{}, fail func(error)) error {
	err := netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{
		ErrorCallback: fail, ReceiveBufferSize: receiveBufferBytes,
	})
	if err != nil {
		return fmt.Errorf("subscribe to links: %w", err)
	}
	err = netlink.AddrSubscribeWithOptions(addresses, done, netlink.AddrSubscribeOptions{
		ErrorCallback: fail, ReceiveBufferSize: receiveBufferBytes,
	})
	if err != nil {
		go drain(links)
		return fmt.Errorf("subscribe to addresses: %w", err)
	}
	return nil
}

func (k *Kernel) everything() (Resynchronized, error) {
	links, err := k.Links()
	if err != nil {
		return Resynchronized{}, err
	}
	addresses, err := k.Addresses()
	if err != nil {
		return Resynchronized{}, err
	}
	return Resynchronized{Links: links, Addresses: addresses}, nil
}

func linkEvent(update netlink.LinkUpdate) Event {
	if update.Header.Type == unix.RTM_DELLINK {
		return LinkRemoved{Link: linkFrom(update.Link)}
	}
	return LinkChanged{Link: linkFrom(update.Link)}
}

// knownAddresses are those that were reported and not removed since.
type knownAddresses map[Address]struct{}

func knownFrom(addresses []Address) knownAddresses {
	known := make(knownAddresses, len(addresses))
	for _, a := range addresses {
		known[a] = struct{}{}
	}
	return known
}

// addressEvent returns nil for an address that cannot be used yet, and for
// news of one that is known: a lease that was renewed.
func (known knownAddresses) addressEvent(update netlink.AddrUpdate) Event {
	prefix, ok := prefixFrom(update.LinkAddress)
	if !ok {
		return nil
	}
	address := Address{Index: update.LinkIndex, Prefix: prefix}
	if !update.NewAddr {
		delete(known, address)
		return AddressRemoved{Address: address}
	}
	if _, is := known[address]; is || !isUsable(update.Flags) {
		return nil
	}
	known[address] = struct{}{}
	return AddressSet{Address: address}
}

func send(ctx context.Context, events chan<- Event, event Event) bool {
	select {
	case events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// drain takes what is left until the sender closes the channel.
func drain[T any](updates <-chan T) {
	for range updates {
	}
}
