package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// namespaceVariable says that the process is in the network namespace of
	// that name already.
	namespaceVariable   = "VIPD_NAMESPACE"
	namespacesDirectory = "/run/netns"
)

// enterNamespace begins the program anew in a network namespace that `ip
// netns` made. Only a program that begins in it has all its threads there.
func enterNamespace(name string) error {
	if name == "" || os.Getenv(namespaceVariable) == name {
		return nil
	}
	failed := func(err error) error { return fmt.Errorf("enter network namespace %s: %w", name, err) }
	if name != filepath.Base(name) {
		return failed(unix.EINVAL)
	}
	file, err := os.Open(filepath.Join(namespacesDirectory, name))
	if err != nil {
		return failed(err)
	}
	defer file.Close()
	runtime.LockOSThread() // for good: the thread is not where the others are
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return failed(err)
	}
	if err := os.Setenv(namespaceVariable, name); err != nil {
		return failed(err)
	}
	return failed(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}
