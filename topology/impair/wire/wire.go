package wire

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// Wire is the relay between a host's port and its bridge.
type Wire struct {
	network ns.NetNS
	devices *devices
	carrier *carrier
	host    *socket // at the port
	bridge  *socket // at the pair
	began   time.Time
	begun   bool
	wake    int // eventfd(2): look at what has changed
	done    chan struct{}
	alarm   alarm

	mu      sync.Mutex
	machine *Machine
	ending  bool
	broken  error // ended the relay
}

// Prepare makes a wire for a port, all but the last step: the port works as
// before, and Begin puts the wire in its place at once. network is the switch's
// namespace. Two wires of one port can't be.
func Prepare(network ns.NetNS, port string, seed uint64) (*Wire, error) {
	w := &Wire{network: network, began: time.Now(), wake: -1, done: make(chan struct{}), machine: NewMachine(seed)}
	if err := w.prepare(port); err != nil {
		return nil, fmt.Errorf("wire at port %s: %w", port, errors.Join(err, w.release()))
	}
	go w.run()
	return w, nil
}

func (w *Wire) prepare(port string) (err error) {
	if w.devices, err = openDevices(w.network, port); err != nil {
		return err
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("make an eventfd: %w", err)
	}
	err = w.network.Do(func(ns.NetNS) error {
		var hostErr, bridgeErr error
		w.host, hostErr = listen(w.devices.port.Attrs().Index)
		w.bridge, bridgeErr = listen(w.devices.inner.Attrs().Index)
		return errors.Join(hostErr, bridgeErr)
	})
	if err != nil {
		return err
	}
	if err := w.devices.awaitForwarding(); err != nil {
		return err
	}
	w.carrier, err = watchCarrier(w.devices, w.network)
	return err
}

// Begin puts the wire in force. Frames that are on their way in these few
// microseconds may be lost. It is called once.
func (w *Wire) Begin() error {
	w.begun = true
	return w.network.Do(func(ns.NetNS) error {
		return w.devices.replace(func() error { return errors.Join(w.host.open(), w.bridge.open()) })
	})
}

// SetRules puts other rules in force, all at once; see Machine.SetRules.
func (w *Wire) SetRules(rules []Rule) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.machine.SetRules(rules); err != nil {
		return err
	}
	return w.poke()
}

// Counters are those of the rules in force by their names.
func (w *Wire) Counters() map[string]Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.machine.Counters()
}

// Lost is how many frames the wire lost against its will: a device did not take
// them, or they were longer than any should be.
func (w *Wire) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.host.lost + w.bridge.lost
}

// Remove puts the port back and leaves nothing of the wire. Frames that wait are
// passed on before, at once. In the few hundred microseconds in which both are in
// force frames may come twice.
func (w *Wire) Remove() error {
	errs := []error{w.carrier.end()}
	w.mu.Lock()
	w.send(w.machine.Flush())
	errs = append(errs, w.broken, w.machine.SetRules(nil))
	w.mu.Unlock()
	if w.begun { // the relay goes on meanwhile
		errs = append(errs, w.network.Do(func(ns.NetNS) error { return w.devices.restore() }))
	}
	w.mu.Lock()
	w.ending = true
	errs = append(errs, w.poke())
	w.mu.Unlock()
	<-w.done
	return errors.Join(append(errs, w.release())...)
}

// release closes and removes what there is.
func (w *Wire) release() error {
	var errs []error
	for _, s := range []*socket{w.host, w.bridge} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	if w.wake >= 0 {
		errs = append(errs, unix.Close(w.wake))
	}
	if w.devices != nil {
		errs = append(errs, w.devices.remove())
	}
	return errors.Join(errs...)
}

// poke wakes the relay.
func (w *Wire) poke() error {
	one := [8]byte{1}
	if _, err := unix.Write(w.wake, one[:]); err != nil {
		return fmt.Errorf("wake the relay: %w", err)
	}
	return nil
}

func (w *Wire) now() time.Duration { return time.Since(w.began) }

// run relays until the wire is removed.
func (w *Wire) run() {
	defer close(w.done)
	// Never unlocked: the thread, whose timers are exact, ends with the relay.
	runtime.LockOSThread()
	const exact = 1 // nanosecond of slack (prctl(2), PR_SET_TIMERSLACK)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, exact, 0, 0, 0)
	// A wire does not wait for those that it connects: where the kernel lets us,
	// the thread goes before them.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: 1}, 0)
	for {
		w.mu.Lock()
		w.send(w.machine.Expire(w.now()))
		deadline, ok := w.machine.Deadline()
		ending := w.ending
		w.mu.Unlock()
		if ending {
			return
		}
		if err := w.await(deadline, ok); err != nil {
			w.mu.Lock()
			w.broken = err
			w.mu.Unlock()
			return
		}
	}
}

// await waits for frames, for the deadline if there is one, or for a change, and
// relays what came.
func (w *Wire) await(deadline time.Duration, ok bool) error {
	fds := [...]unix.PollFd{
		{Fd: int32(w.host.fd), Events: unix.POLLIN},
		{Fd: int32(w.bridge.fd), Events: unix.POLLIN},
		{Fd: int32(w.wake), Events: unix.POLLIN},
	}
	var timeout *unix.Timespec
	if ok {
		timeout = w.alarm.timeout(w.now(), deadline)
	}
	ready, err := unix.Ppoll(fds[:], timeout, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for frames: %w", err)
	}
	if ready == 0 {
		if err == nil {
			w.alarm.woken(w.now())
		}
		return nil
	}
	if fds[2].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(w.wake, count[:]) // that it is there is all it says
	}
	for i, s := range []*socket{w.host, w.bridge} {
		if fds[i].Revents == 0 {
			continue
		}
		if err := w.relay(s); err != nil {
			return err
		}
	}
	return nil
}

// relay takes a batch through the machine.
func (w *Wire) relay(s *socket) error {
	n, err := s.receive()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for i := range n {
		data, offload, ok := s.frame(i)
		if !ok {
			continue
		}
		f := Frame{ToHost: s == w.bridge, Data: data, Offload: offload}
		if !w.machine.Rules() {
			w.pass(f)
			continue
		}
		finish(f, func(f Frame) {
			for _, passed := range w.machine.Take(now, f) {
				w.pass(passed)
			}
		})
	}
	w.flush()
	return nil
}

// pass sends a frame with the next batch of its way.
func (w *Wire) pass(f Frame) {
	to := w.bridge
	if f.ToHost {
		to = w.host
	}
	to.send(f.Data, f.Offload)
}

func (w *Wire) flush() {
	w.host.flush()
	w.bridge.flush()
}

// send sends frames now.
func (w *Wire) send(frames []Frame) {
	for _, f := range frames {
		w.pass(f)
	}
	w.flush()
}
