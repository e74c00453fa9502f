package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"takeover/daemon"
	"takeover/daemon/config"
)

// keepsake is the text of the configuration in force, in memory that a guardian
// hands on to the worker that it starts anew: the file may be wrong by then.
type keepsake struct{ file *os.File }

// openKeepsake is the one that a guardian handed on, else an empty one.
func openKeepsake() (keepsake, error) {
	if fd, err := strconv.Atoi(os.Getenv(daemon.KeepsakeVariable)); err == nil {
		unix.CloseOnExec(fd)
		return keepsake{os.NewFile(uintptr(fd), "keepsake")}, os.Unsetenv(daemon.KeepsakeVariable)
	}
	fd, err := unix.MemfdCreate("vipd-configuration", unix.MFD_CLOEXEC)
	if err != nil {
		return keepsake{}, fmt.Errorf("make memory for the configuration: %w", err)
	}
	return keepsake{os.NewFile(uintptr(fd), "keepsake")}, nil
}

// keep takes the place of what was kept.
func (k keepsake) keep(text []byte) error {
	if err := k.file.Truncate(0); err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	if _, err := k.file.WriteAt(text, 0); err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	return nil
}

// load reads what was in force. name is what messages call it.
func (k keepsake) load(name string) (*config.Config, error) {
	text, err := io.ReadAll(io.NewSectionReader(k.file, 0, keepsakeMax))
	if err != nil {
		return nil, fmt.Errorf("read the configuration that was in force: %w", err)
	}
	return config.Options{}.Parse(name, text)
}

// keepsakeMax is more than a configuration can be.
const keepsakeMax = 1 << 30
