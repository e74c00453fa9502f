package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/track"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// loop owns the virtual routers. Everything in it belongs to the goroutine
// that called run, except wake and the readable flags of attachments.
type loop struct {
	logger  *slog.Logger
	network network
	alarm   alarm
	// tell is called with what the guardian must know, whenever it changed.
	tell func(guardedState)
	// pledge is what the guardian's watchdog looks at; it may be nil.
	pledge *pledge
	// waitUntil returns at a time that is near; see transport.BusyWait.
	waitUntil func(time.Time)

	attachments map[string]*attachment // by the interface's name
	ordered     []*attachment          // the same, in the configuration's order
	instances   []*instance

	wake     chan struct{} // some attachment is readable
	alarmSet time.Time     // what the alarm is set to; zero: stopped
	// settled says that the first tables were applied: before that, no
	// instance starts, and afterwards each change is judged.
	settled bool
	// unpublished says that the guardian does not know the latest state.
	unpublished bool
}

// inputs are what happens outside of the loop.
type inputs struct {
	events  <-chan netif.Event
	results <-chan track.Result
}

// newLoop builds the instances of c. Nothing is opened yet.
func newLoop(c *config.Config, logger *slog.Logger, n network, a alarm) *loop {
	l := &loop{
		logger:      logger,
		network:     n,
		alarm:       a,
		tell:        func(guardedState) {},
		waitUntil:   transport.BusyWait,
		attachments: make(map[string]*attachment),
		wake:        make(chan struct{}, 1),
	}
	scripts := make(map[string]config.Script, len(c.Scripts))
	for _, s := range c.Scripts {
		scripts[s.Name] = s
	}
	for _, configured := range c.Instances {
		l.add(configured, scripts)
	}
	return l
}

// add builds one instance and joins it to the interfaces it names.
func (l *loop) add(configured config.Instance, scripts map[string]config.Script) {
	i := &instance{config: configured, on: l.attach(configured.Interface)}
	i.on.senders = append(i.on.senders, i)
	i.on.trackers = append(i.on.trackers, i)
	for _, address := range configured.VirtualAddresses {
		v := virtual{
			prefix: address.Prefix,
			label:  address.Label,
			on:     l.attach(cmp.Or(address.Device, configured.Interface)),
			owner:  i,
		}
		v.on.carried = append(v.on.carried, v)
		v.on.addTracker(i)
		i.virtuals = append(i.virtuals, v)
	}
	i.tracked = trackedBy(configured, scripts)
	for _, t := range configured.TrackInterfaces {
		l.attach(t.Name).addTracker(i)
	}
	l.instances = append(l.instances, i)
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

// start applies the first tables: all interfaces must be there. Virtual
// addresses that a predecessor left behind are removed, and the instances that
// can start do so.
func (l *loop) start(now time.Time, tables netif.Resynchronized) error {
	l.apply(tables)
	for _, i := range l.instances {
		if err := i.missing(); err != nil {
			return err
		}
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
	if i.isOwner() && i.fault() == "" {
		return
	}
	for _, v := range i.virtuals {
		for _, found := range slices.Clone(v.on.present) {
			if found.Addr() != v.prefix.Addr() {
				continue
			}
			if err := l.network.remove(v.on.link.Index, found); err != nil {
				l.logger.Error("leftover address not removed", "instance", i.config.Name, "error", err)
				continue
			}
			v.on.addressRemoved(found)
			l.logger.Warn("leftover address removed",
				"instance", i.config.Name, "address", found, "interface", v.on.name)
		}
	}
}

// run serves the inputs until ctx is done, and then releases everything.
func (l *loop) run(ctx context.Context, in inputs) {
	for {
		l.publish()
		l.setAlarm()
		l.pledge.Waiting(l.alarmSet)
		select {
		case <-ctx.Done():
			l.pledge.Working()
			l.release("stopping")
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
	var first *instance
	for _, i := range l.instances {
		if d, running := i.deadline(); running && (first == nil || d.Before(deadline)) {
			first, deadline = i, d
		}
	}
	if first != nil && first.state() == vrrp.Backup {
		return deadline, deadline.Add(-headStart)
	}
	return deadline, deadline
}

// setAlarm sets the alarm to when the loop must wake next.
func (l *loop) setAlarm() {
	_, wake := l.earliest()
	if wake.Equal(l.alarmSet) {
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
	for _, i := range l.instances {
		now := time.Now()
		if deadline, running := i.deadline(); running && !now.Before(deadline) {
			l.step(now, i, vrrp.TimerExpired{})
		}
	}
}

func (i *instance) deadline() (time.Time, bool) {
	if i.router == nil {
		return time.Time{}, false
	}
	return i.router.Deadline()
}

// judge brings an instance to what its faults and weights ask for.
func (l *loop) judge(now time.Time, i *instance) {
	if !l.settled {
		return
	}
	fault, running := i.fault(), i.state() != vrrp.Initialize
	switch {
	case fault != "" && running:
		l.step(now, i, vrrp.Shutdown{Reason: fault})
		return
	case fault != "":
		return
	case !running:
		l.startup(now, i)
	}
	if priority := i.effectivePriority(); i.router != nil && priority != i.priority {
		l.logger.Info("priority changed", "instance", i.config.Name, "from", i.priority, "to", priority)
		i.priority = priority
		l.step(now, i, vrrp.PriorityChanged{Priority: priority})
	}
}

// startup starts an instance that has no fault, with the primary address and
// the priority of now.
func (l *loop) startup(now time.Time, i *instance) {
	if err := i.build(i.on.source); err != nil {
		l.logger.Error("virtual router not built", "instance", i.config.Name, "error", err)
		return
	}
	l.step(now, i, vrrp.Startup{})
}

// checked applies the result of a script.
func (l *loop) checked(now time.Time, result track.Result) {
	l.logger.Info("script result", "script", result.Name, "up", result.Up,
		"status", result.Status, "took", result.Took)
	for _, i := range l.instances {
		if i.setState(scriptName(result.Name), stateOf(result.Up)) {
			l.judge(now, i)
		}
	}
}
