package labs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Claim is the right to a lab's directory: the lock on it. It passes to the
// holder's process and ends with that.
type Claim struct {
	Directory string
	lock      *os.File
}

// ErrHeld means that another process has the lab's lock.
var ErrHeld = errors.New("it is up")

// NewClaim claims the directory of a new lab. What a dead one of that name left
// there is removed. It is ErrHeld when there is a living one.
func NewClaim(home, name string) (*Claim, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := makeHome(home); err != nil {
		return nil, fmt.Errorf("make the home of labs: %w", err)
	}
	directory := filepath.Join(home, name)
	for {
		if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		file, err := os.OpenFile(filepath.Join(directory, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was removed just now
		}
		if err != nil {
			return nil, err
		}
		_ = file.Close()
		c, err := claim(directory)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lab %s: %w", name, err)
		}
		return c, c.empty()
	}
}

// claim takes the lock of a directory that is there.
func claim(directory string) (*Claim, error) {
	path := filepath.Join(directory, lockFile)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrHeld
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// It may have been removed between the two: then the lock is worth nothing.
	mine, err := file.Stat()
	if err == nil {
		var there os.FileInfo
		if there, err = os.Stat(path); err == nil && !os.SameFile(mine, there) {
			err = os.ErrNotExist
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Claim{Directory: directory, lock: file}, nil
}

// empty removes all but the lock.
func (c *Claim) empty() error {
	entries, err := os.ReadDir(c.Directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.Directory, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// goneDirectory begins the name of a directory that is being removed.
const goneDirectory = ".gone-"

// Remove removes the directory and gives the claim up. It is moved away first,
// so that whoever wants the name meanwhile makes a new one.
func (c *Claim) Remove() error {
	home, name := filepath.Split(c.Directory)
	gone, err := os.MkdirTemp(home, goneDirectory)
	if err == nil {
		err = os.Rename(c.Directory, filepath.Join(gone, name))
	}
	return errors.Join(err, os.RemoveAll(gone), c.lock.Close())
}

// Release gives the claim up and leaves the directory as it is.
func (c *Claim) Release() error { return c.lock.Close() }
