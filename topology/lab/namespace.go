package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// netnsDir is where `ip netns` looks for named namespaces.
const netnsDir = "/run/netns"

// namespace is a named network namespace. It lives as long as it is open: its
// name is a symbolic link to the descriptor, which whoever sees the sandbox's
// /proc can follow. Mounts, which ip(8) names namespaces by, would cost a grace
// period of RCU each to remove, and be copied to every host's mount namespace.
type namespace struct {
	ns.NetNS
	name string
}

// Path implements ns.NetNS.
func (n *namespace) Path() string { return filepath.Join(netnsDir, n.name) }

// Close implements ns.NetNS.
func (n *namespace) Close() error { return errors.Join(os.Remove(n.Path()), n.NetNS.Close()) }

// namespaces makes a namespace of each name and has each arranged by a thread
// that is in it. When it fails it returns those that it made.
func namespaces(names []string, arrange func(name string) error) (made []ns.NetNS, err error) {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends in the last namespace
		defer close(done)
		for _, name := range names {
			var space ns.NetNS
			if space, err = newNamespace(name); err == nil {
				made = append(made, space)
				err = arrange(name)
			}
			if err != nil {
				err = fmt.Errorf("make the network namespace %s: %w", name, err)
				return
			}
		}
	}()
	<-done
	return made, err
}

// newNamespace makes a namespace and leaves the calling thread in it.
func newNamespace(name string) (ns.NetNS, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	space, err := ns.GetCurrentNS()
	if err != nil {
		return nil, err
	}
	made := &namespace{NetNS: space, name: name}
	target := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), space.Fd())
	if err := os.Symlink(target, made.Path()); err != nil {
		return nil, errors.Join(err, space.Close())
	}
	return made, nil
}
