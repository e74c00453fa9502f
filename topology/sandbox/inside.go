package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lifelineFD is the read end of the pipe whose write end the outside holds.
const lifelineFD = 3

// Enter makes the namespaces that process 1 was started in into a sandbox and
// returns a context that ends when the outside says stop. When the outside is
// gone the process ends at once. Only a role started by Start may call it; args are the role's own.
func Enter(args []string) (ctx context.Context, rest []string, err error) {
	if os.Getpid() != 1 || len(args) == 0 {
		return nil, nil, errors.New("enter a sandbox: this process was not started as its process 1")
	}
	go watchLifeline()
	if err := arrangeMounts(args[0]); err != nil {
		return nil, nil, err
	}
	if err := forgiveSetgroups(); err != nil {
		return nil, nil, err
	}
	if err := unix.Sethostname([]byte("takeover")); err != nil {
		return nil, nil, fmt.Errorf("set the sandbox's host name: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return nil, nil, err
	}
	ctx, _ = signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return ctx, args[1:], nil
}

// watchLifeline ends process 1, and so everything, when the outside is gone.
func watchLifeline() {
	lifeline := os.NewFile(lifelineFD, "lifeline")
	syscall.CloseOnExec(lifelineFD)
	lifeline.Read(make([]byte, 1)) //nolint:errcheck // any return means the same
	os.Exit(1)
}

// arrangeMounts gives the sandbox its own /proc, /var/tmp and /run, with the
// shared directory at Dir. What is mounted here is seen nowhere else.
func arrangeMounts(shared string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the sandbox's mounts private: %w", err)
	}
	if err := freshRun(shared, Dir); err != nil {
		return err
	}
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	// FRR leaves directories there.
	if err := unix.Mount("tmpfs", "/var/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mount the sandbox's /var/tmp: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount the sandbox's /proc: %w (a container that hides parts of /proc forbids this; run on the machine itself)", err)
	}
	return nil
}

// freshRun mounts an empty /run and puts source, which may lie below the old
// one, at target inside of it.
func freshRun(source, target string) error {
	fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s for the sandbox: %w", source, err)
	}
	defer unix.Close(fd)
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount the sandbox's /run: %w", err)
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	from := filepath.Join("/proc/self/fd", fmt.Sprint(fd))
	if err := unix.Mount(from, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s to %s in the sandbox: %w", source, target, err)
	}
	return nil
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}
