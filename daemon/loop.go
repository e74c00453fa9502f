package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/bfdrun"
	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/netif"
	"takeover/daemon/track"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// loop owns the virtual routers. Everything in it belongs to the goroutine
// that called run, except wake and the readable flags of attachments.
type loop struct {
	config  *config.Config
	logger  *slog.Logger
	network network
	alarm   alarm
	// tell is called with what changed of what the guardian must know.
	tell func([]guardedInstance)
	// pledge is what the guardian's watchdog looks at; it may be nil.
	pledge *pledge
	// events hears what happens; it may be nil.
	events *control.Hub
	// waitUntil returns at a time that is near; see transport.BusyWait.
	waitUntil func(time.Time)

	attachments map[string]*attachment // by the interface's name
	ordered     []*attachment          // the same, in the configuration's order
	listeners   []*listener            // of all attachments
	instances   []*instance
	units       []*unit // of the instances
	agenda      agenda
	paces       []*pace // of all attachments; none where announcements are not kept apart

	// withholding says that actions other than advertisements are withheld.
	withholding bool
	withheld    []withheld

	renewals []*instance        // Actives whose leases are to be renewed
	batch    []netif.Address    // reused
	batchOf  []*instance        // reused: whose they are
	ownSet   []netif.AddressSet // what the loop itself has set, and not noted yet
	// announcements and addresses are reused, too.
	announcements []vrrp.Announce
	addresses     []netip.Addr
	actions       []vrrp.Action // reused: of one member of a group
	heard         vrrp.Advertisement

	wake     chan struct{} // some listener is readable
	alarmSet time.Time     // what the alarm is set to; zero: stopped
	// settled says that the first tables were applied: before that, no
	// instance starts, and afterwards each change is judged.
	settled bool
	// isRestart says that a guardian started the worker: what is not there may
	// come back.
	isRestart bool
	// started and loaded are when the loop was made, and when its configuration
	// was; latest are the trackers' last results.
	started, loaded time.Time
	latest          map[string]latest
	// supervise runs other trackers than before.
	supervise func(trackers)
	// notices tells scripts and FIFOs; nil: there are none. noticed are the
	// instances of which they are to be told.
	notices *notices
	noticed []*instance
	// isDiscarded says that the machine discarded what is heard.
	isDiscarded bool
	// unpublished are those of which the guardian does not know the latest.
	unpublished []*instance
}

// inputs are what happens outside of the loop.
type inputs struct {
	events  <-chan netif.Event
	results <-chan track.Result
	bfd     <-chan bfdrun.Event
	// questions are asked by others than the parts; see Inquiries.
	questions <-chan question
	reloads   <-chan Reload
}

// newLoop builds the instances of c. Nothing is opened yet.
func newLoop(c *config.Config, logger *slog.Logger, n network, a alarm) (*loop, error) {
	now := time.Now()
	l := &loop{
		started:     now,
		loaded:      now,
		config:      c,
		logger:      logger,
		network:     n,
		alarm:       a,
		tell:        func([]guardedInstance) {},
		waitUntil:   transport.BusyWait,
		attachments: make(map[string]*attachment),
		wake:        make(chan struct{}, 1),
		supervise:   func(trackers) {},
	}
	byName := make(map[string]*instance, len(c.Instances))
	for n := range c.Instances {
		configured := &c.Instances[n]
		i, err := l.add(configured)
		if err != nil {
			return nil, fmt.Errorf("%s: vrrp_instance %s: %w", configured.Position, configured.Name, err)
		}
		byName[configured.Name] = i
	}
	for _, group := range c.Groups {
		members := make([]*instance, len(group.Members))
		for n, name := range group.Members {
			members[n] = byName[name]
		}
		l.join(members)
	}
	return l, nil
}

// add builds one instance and joins it to the interfaces it names.
func (l *loop) add(configured *config.Instance) (*instance, error) {
	sealed, err := sealOf(*configured)
	if err != nil {
		return nil, err
	}
	i := &instance{
		config: configured, on: l.attach(configured.Interface), lease: leaseOf(*configured), seal: sealed,
		peers: peersOf(*configured), startupDelay: l.config.Global.StartupDelay, since: time.Now(),
	}
	i.unit = &unit{members: []*instance{i}}
	l.units = append(l.units, i.unit)
	l.listenFor(i)
	i.on.addTracker(i)
	i.virtuals = make([]*virtual, 0, len(configured.VirtualAddresses)+len(configured.ExcludedAddresses))
	for _, addresses := range [][]config.VirtualAddress{configured.VirtualAddresses, configured.ExcludedAddresses} {
		for n := range addresses {
			address := &addresses[n]
			v := &virtual{prefix: address.Prefix, config: address, on: l.carrierOf(i, *address), owner: i}
			v.on.carry(v)
			i.virtuals = append(i.virtuals, v)
		}
	}
	i.tracked = trackedBy(*configured, l.config)
	for _, t := range configured.TrackInterfaces {
		l.attach(t.Name).addTracker(i)
	}
	l.instances = append(l.instances, i)
	return i, nil
}

// listenFor finds or makes the instance's listener. With a virtual router MAC
// it is on the macvlan: what comes from another router with the same MAC
// address, the kernel delivers only there.
func (l *loop) listenFor(i *instance) {
	w, on := wayOf(*i.config), i.on
	if i.vmac = l.vmacOf(*i.config, i.on); i.vmac != nil {
		w.base, on = i.on, i.vmac
		if i.config.VMAC.TransmitBase {
			w.through = i.on
		}
		i.vmac.addTracker(i)
	}
	i.listener = l.listener(on, w)
	i.listener.add(i)
	i.to = i.destinations()
}

// carrierOf is the interface that carries an address.
func (l *loop) carrierOf(i *instance, address config.VirtualAddress) *attachment {
	device := cmp.Or(address.Device, i.config.Interface)
	if i.vmac != nil && device == i.config.Interface && address.Prefix.Addr().Is6() == i.config.IPv6 {
		return i.vmac
	}
	return l.attach(device)
}

// listener finds or makes the listener of that way on a.
func (l *loop) listener(a *attachment, w way) *listener {
	n := slices.IndexFunc(a.listeners, func(s *listener) bool { return s.way == w })
	if n >= 0 {
		return a.listeners[n]
	}
	s := &listener{way: w, on: a}
	a.listeners = append(a.listeners, s)
	l.listeners = append(l.listeners, s)
	return s
}

// attach finds the interface of that name, or begins to know it.
func (l *loop) attach(name string) *attachment {
	a, known := l.attachments[name]
	if !known {
		a = &attachment{name: name}
		l.attachments[name] = a
		l.ordered = append(l.ordered, a)
	}
	return a
}

// start applies the first tables: all interfaces must be there, the first time.
// Virtual addresses that a predecessor left behind are removed, and the
// instances that can start do so.
func (l *loop) start(now time.Time, tables netif.Resynchronized) error {
	l.apply(now, tables)
	for _, a := range l.ordered {
		if err := l.ensure(now, a); err != nil {
			return err
		}
	}
	for _, i := range l.instances {
		if err := i.missing(); err != nil && !l.isRestart {
			return err
		}
		i.noteNative(tables.Addresses)
	}
	if err := l.network.deny(l.denied()); err != nil {
		return err
	}
	for _, a := range l.ordered {
		if err := l.open(now, a); err != nil {
			return err
		}
		for _, i := range a.trackers {
			i.setState(interfaceName(a.name), stateOf(a.fault() == ""))
		}
	}
	l.settled = true
	for _, i := range l.instances {
		l.removeLeftovers(i)
	}
	for _, i := range l.instances {
		l.judge(now, i)
		if fault := i.fault(); fault != "" {
			l.logger.Warn("instance is held in Initialize", "instance", i.config.Name, "reason", fault)
		}
	}
	return nil
}

// denied are the addresses whose packets are not accepted (Accept_Mode false).
func (l *loop) denied() []netip.Addr {
	var denied []netip.Addr
	for _, i := range l.instances {
		for _, v := range i.virtuals {
			if !i.config.Accept && !i.isOwner() && !slices.Contains(denied, v.prefix.Addr()) {
				denied = append(denied, v.prefix.Addr())
			}
		}
	}
	return denied
}

// noteNative marks the addresses of an owner that are there already, and not
// because a predecessor set them.
func (i *instance) noteNative(present []netif.Address) {
	for _, v := range i.virtuals {
		v.native = i.isOwner() && slices.ContainsFunc(present, func(a netif.Address) bool {
			return a.Index == v.on.link.Index && a.Prefix == v.prefix && !a.Ours
		})
	}
}

// missing names the first interface that the instance needs and that is not
// there.
func (i *instance) missing() error {
	needed := []string{i.on.name}
	present := map[string]bool{i.on.name: i.on.link.Index != 0}
	for _, v := range i.virtuals {
		needed = append(needed, v.on.name)
		present[v.on.name] = v.on.link.Index != 0
	}
	n := slices.IndexFunc(needed, func(name string) bool { return !present[name] })
	if n < 0 {
		return nil
	}
	return &MissingInterfaceError{
		Interface: needed[n], Instance: i.config.Name, Position: i.config.Position,
	}
}

// MissingInterfaceError says that an interface that an instance needs is not
// there at the start.
type MissingInterfaceError struct {
	Interface, Instance string
	Position            config.Position
}

func (e *MissingInterfaceError) Error() string {
	return fmt.Sprintf("%s:%d: vrrp_instance %s: interface %s does not exist",
		e.Position.File, e.Position.Line, e.Instance, e.Interface)
}

// removeLeftovers takes off the virtual addresses that are set although the
// instance is not Active, unless it is about to be.
func (l *loop) removeLeftovers(i *instance) {
	for _, v := range i.virtuals {
		for _, found := range slices.Clone(v.on.present) {
			if !v.isLeftover(found) || !l.takeOff(v, found) {
				continue
			}
			l.logger.Warn("leftover address removed",
				"instance", i.config.Name, "address", found, "interface", v.on.name)
		}
	}
}

// isLeftover reports whether an address is this virtual one and would be out of
// place on a router that is not Active.
func (v *virtual) isLeftover(found netip.Prefix) bool {
	return found.Addr() == v.prefix.Addr() && !v.native && (!v.owner.isOwner() || v.owner.fault() != "")
}

// takeOff removes an address that is out of place.
func (l *loop) takeOff(v *virtual, found netip.Prefix) bool {
	leftover := netif.Address{Index: v.on.link.Index, Prefix: found}
	if err := errorAt(l.network.remove([]netif.Address{leftover}), 0); err != nil {
		l.logger.Error("leftover address not removed", "instance", v.owner.config.Name, "error", err)
		return false
	}
	v.on.addressRemoved(found)
	return true
}

// run serves the inputs until ctx is done, and then releases everything.
func (l *loop) run(ctx context.Context, in inputs) {
	for {
		l.settleSet(time.Now())
		l.tellNoticed()
		l.publish(time.Now())
		l.setAlarm()
		l.pledge.Waiting(l.alarmSet)
		select {
		case <-ctx.Done():
			l.pledge.Working()
			l.release("stopping")
			l.tellOfStop()
			l.pledge.Waiting(time.Time{})
			return
		case <-l.alarm.C():
			l.expire()
		case <-l.wake:
			l.receiveReadable()
		case event := <-in.events:
			l.happened(time.Now(), event)
		case result := <-in.results:
			l.checked(time.Now(), result)
		case event := <-in.bfd:
			l.bfdChanged(time.Now(), event)
		case question := <-in.questions:
			l.answer(time.Now(), question)
		case r := <-in.reloads:
			r.Done <- l.reload(time.Now(), r.Config)
		}
	}
}

// headStart is how long before a Backup's deadline the loop is awake: the time
// that an idle processor and the scheduler take to wake a process. The rest is
// spent waiting busily, so that a takeover starts when it is due. It costs
// nothing as long as the Active advertises.
const headStart = 500 * time.Microsecond

// earliest is the first deadline, and when to wake for it.
func (l *loop) earliest() (deadline, wake time.Time) {
	if u := l.agenda.first(); u != nil {
		deadline, wake = u.deadline, u.deadline
		if u.isBackup() {
			wake = u.deadline.Add(-headStart)
		}
	}
	if paced := l.firstPaced(); !paced.IsZero() && (wake.IsZero() || paced.Before(wake)) {
		return paced, paced
	}
	return deadline, wake
}

// setAlarm sets the alarm to when the loop must wake next. One that rings
// earlier is left: each advertisement of a Backup's Active puts a deadline off,
// and one ring too many in Active_Down_Interval costs less than that.
func (l *loop) setAlarm() {
	_, wake := l.earliest()
	if wake.Equal(l.alarmSet) || !l.alarmSet.IsZero() && l.alarmSet.Before(wake) {
		return
	}
	set := l.alarm.Stop
	if !wake.IsZero() {
		set = func() error { return l.alarm.Set(wake) }
	}
	if err := set(); err != nil {
		// The next step tries again; the kernel gives no reason to fail.
		l.logger.Error("alarm not set", "error", err)
		return
	}
	l.alarmSet = wake
}

// expire steps the machines whose deadline has come. Packets go first: after a
// pause of the whole process, advertisements that waited must be heard before
// the timer that they would have restarted.
func (l *loop) expire() {
	l.alarmSet = time.Time{}
	l.receiveAll()
	deadline, wake := l.earliest()
	if now := time.Now(); wake.Before(deadline) && now.Before(deadline) && !now.Before(wake) {
		l.waitUntil(deadline)
		l.receiveAll()
	}
	for u := l.agenda.first(); u != nil; u = l.agenda.first() {
		now := time.Now()
		if now.Before(u.deadline.Add(-u.early())) {
			break
		}
		l.pledge.Working()
		l.expired(laterOf(now, u.deadline), u)
	}
	l.announcePaced(time.Now())
	l.renew(time.Now())
}

func laterOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// expired steps a unit whose deadline has come.
func (l *loop) expired(now time.Time, u *unit) {
	i := u.members[0]
	wasActive := i.state() == vrrp.Active
	l.step(now, i, vrrp.TimerExpired{})
	if wasActive {
		l.renewal(u)
	}
}

// judge brings an instance, and those in its sync group, to what faults and
// weights ask for.
func (l *loop) judge(now time.Time, i *instance) {
	if !l.settled {
		return
	}
	u := i.unit
	failed, fault := u.fault()
	if failed != nil {
		for _, member := range u.members {
			l.notice(member)
		}
	}
	switch {
	case failed != nil && u.started:
		l.shutdown(now, failed, fault)
		return
	case failed != nil:
		return
	case !u.started:
		l.startup(now, u)
	}
	for _, i := range u.members {
		l.prioritize(now, i)
	}
}

// prioritize tells a virtual router of its priority, if that changed.
func (l *loop) prioritize(now time.Time, i *instance) {
	if priority := i.effectivePriority(); i.router != nil && priority != i.priority {
		l.logger.Info("priority changed", "instance", i.config.Name, "from", i.priority, "to", priority)
		l.priorityEvent(i, i.priority, priority)
		i.priority = priority
		l.tellOfPriority(i)
		l.step(now, i, vrrp.PriorityChanged{Priority: priority})
	}
}

// startup starts a unit that has no fault, with the primary addresses and the
// priorities of now.
func (l *loop) startup(now time.Time, u *unit) {
	if err := u.build(); err != nil {
		l.logger.Error("virtual router not built", "instance", u.members[0].config.Name, "error", err)
		return
	}
	u.started = true
	for _, i := range u.members {
		l.step(now, i, vrrp.Startup{})
	}
}
