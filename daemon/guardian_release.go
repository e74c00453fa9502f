package daemon

import (
	"errors"
	"time"

	"takeover/daemon/netif"
	"takeover/daemon/transport"
)

// killTimeout is how long a release waits for the end of the worker before it
// removes addresses all the same. A process that was killed ends within a
// millisecond, unless the kernel holds it up.
const killTimeout = 100 * time.Millisecond

// releaser holds what a release needs, opened beforehand.
type releaser struct {
	sender *transport.Sender
	kernel *netif.Kernel
}

func openReleaser() (*releaser, error) {
	sender, err := transport.NewSender()
	if err != nil {
		return nil, err
	}
	kernel, err := netif.Open()
	if err != nil {
		sender.Close()
		return nil, err
	}
	return &releaser{sender: sender, kernel: kernel}, nil
}

// release kills a worker that hangs, sends every priority 0, and then removes
// every address. The worker has ended by then: it cannot set one again, not
// even if somebody lets it go on. An error of one does not keep the others
// from being tried.
func (r *releaser) release(state guardedState, worker *workerProcess, hangs bool) error {
	var failures []error
	if hangs {
		failures = append(failures, worker.kill())
	}
	for _, i := range state.instances {
		if !i.Active {
			continue
		}
		failures = append(failures, r.sendFarewells(time.Now(), i)...)
	}
	err := worker.awaitEnd(killTimeout)
	failures = append(failures, r.remove(state))
	if err != nil {
		failures = append(failures, worker.awaitEnd(endTimeout), r.remove(state))
	}
	return errors.Join(failures...)
}

func (r *releaser) remove(state guardedState) error {
	var batch []netif.Address
	for _, i := range state.instances {
		for _, a := range i.Addresses {
			batch = append(batch, netif.Address{Index: a.Index, Prefix: a.Prefix})
		}
	}
	return errors.Join(r.kernel.Remove(batch...)...)
}

// names are those of the Active instances.
func (s guardedState) names() []string {
	names := []string{}
	for _, i := range s.instances {
		if i.Active {
			names = append(names, i.Name)
		}
	}
	return names
}
