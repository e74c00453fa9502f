package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// step steps a machine and performs its actions. A packet's time of arrival may
// lie before the last event; the machine's time does not go back.
func (l *loop) step(now time.Time, i *instance, event vrrp.Event) {
	if now.Before(i.latest) {
		now = i.latest
	}
	i.latest = now
	l.perform(now, i, i.router.Step(now, event))
}

// perform does the actions in their order. A failed action is logged and does
// not keep the following ones from being done.
func (l *loop) perform(now time.Time, i *instance, actions []vrrp.Action) {
	for _, action := range actions {
		var err error
		switch a := action.(type) {
		case vrrp.SendAdvertisement:
			err = i.send(a.Advertisement)
		case vrrp.SetAddress:
			err = i.onVirtual(a.Address, func(v virtual) error {
				return l.network.set(v.on.link.Index, v.prefix, v.label)
			})
		case vrrp.RemoveAddress:
			err = i.onVirtual(a.Address, func(v virtual) error {
				return l.network.remove(v.on.link.Index, v.prefix)
			})
		case vrrp.Announce:
			err = i.onVirtual(a.Address, func(v virtual) error {
				return v.on.announcer.Announce(a.Address, a.Count)
			})
		case vrrp.Discard:
			l.refused(now, i.config.Name, &i.refusals, a.Source, a.Refusal, "")
		case vrrp.StateChanged:
			l.unpublished = true
			l.logger.Info("state changed", "instance", i.config.Name,
				"from", a.From.String(), "to", a.To.String(), "reason", a.Reason)
		}
		if err != nil {
			l.failed(now, i, action, err)
		}
	}
}

// send encodes and sends an advertisement.
func (i *instance) send(a vrrp.Advertisement) error {
	if i.on.conn == nil {
		return fmt.Errorf("send on %s: not open", i.on.name)
	}
	payload, err := vrrp.Encode(a, i.on.source, transport.Group())
	if err != nil {
		return fmt.Errorf("send on %s: %w", i.on.name, err)
	}
	return i.on.conn.Send(payload)
}

// onVirtual does f for a virtual address whose interface is there and open.
func (i *instance) onVirtual(address netip.Addr, f func(virtual) error) error {
	n := slices.IndexFunc(i.virtuals, func(v virtual) bool { return v.prefix.Addr() == address })
	switch {
	case n < 0:
		return fmt.Errorf("%s is not a virtual address of %s", address, i.config.Name)
	case i.virtuals[n].on.announcer == nil:
		return fmt.Errorf("interface %s of %s is not open", i.virtuals[n].on.name, address)
	}
	return f(i.virtuals[n])
}

// failed logs a failed action, once a minute for each kind. That nothing can
// be sent from a dead link is expected.
func (l *loop) failed(now time.Time, i *instance, action vrrp.Action, err error) {
	kind := fmt.Sprintf("%T", action)
	since, _, log := i.failures.count(now, kind)
	if !log {
		return
	}
	level := slog.LevelError
	if i.on.fault() != "" {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "action failed", "instance", i.config.Name,
		"action", kind, "times", since, "error", err)
}

// release ends all instances: first every priority 0, so that no Backup waits
// for the removals of an instance that is not its own, then the rest.
func (l *loop) release(reason string) {
	now := time.Now()
	rest := make(map[*instance][]vrrp.Action, len(l.instances))
	for _, i := range l.instances {
		if i.router == nil {
			continue
		}
		actions := i.router.Step(now, vrrp.Shutdown{Reason: reason})
		first := 0
		for first < len(actions) && isAdvertisement(actions[first]) {
			first++
		}
		l.perform(now, i, actions[:first])
		rest[i] = actions[first:]
	}
	for _, i := range l.instances {
		l.perform(now, i, rest[i])
	}
	for _, a := range l.ordered {
		a.close()
	}
}

func isAdvertisement(action vrrp.Action) bool {
	_, is := action.(vrrp.SendAdvertisement)
	return is
}
