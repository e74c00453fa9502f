package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidFile is a file with the pid of a running vipd. A lock on it lasts exactly
// as long as the process: what the file says of a process that is gone, or
// whose pid another has now, does not matter.
type pidFile struct{ file *os.File }

// runningError says that a live vipd holds the pid file.
type runningError struct{ path, pid string }

func (e *runningError) Error() string {
	return fmt.Sprintf("lock %s: vipd is already running as process %s", e.path, e.pid)
}

// lockPIDFile locks the file at path and writes the pid of this process.
func lockPIDFile(path string) (*pidFile, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open the pid file: %w", err)
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer file.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				text, _ := os.ReadFile(path) // only to say who
				return nil, &runningError{path: path, pid: strings.TrimSpace(string(text))}
			}
			return nil, fmt.Errorf("lock the pid file %s: %w", path, err)
		}
		if !isAt(file, path) { // removed by its holder before we locked it
			_ = file.Close()
			continue
		}
		if err := writePID(file); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("write the pid file %s: %w", path, err)
		}
		return &pidFile{file: file}, nil
	}
}

// isAt reports whether path still names file.
func isAt(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(held, named)
}

// writePID writes over what is there, so that a reader always finds a pid.
func writePID(file *os.File) error {
	text := []byte(strconv.Itoa(os.Getpid()) + "\n")
	if _, err := file.WriteAt(text, 0); err != nil {
		return err
	}
	return file.Truncate(int64(len(text)))
}

// remove removes the file, and then gives up the lock.
func (p *pidFile) remove() {
	// A file that cannot be removed is taken over by the next vipd.
	_ = os.Remove(p.file.Name())
	_ = p.file.Close()
}

// pidFiles are all files with the pid of this process.
type pidFiles struct {
	main   *pidFile
	others []string // for who looks for keepalived's children
}

// writePIDs writes the pid to all files that the options name.
func writePIDs(o options) (*pidFiles, error) {
	main, err := lockPIDFile(o.pidPath())
	if err != nil {
		return nil, err
	}
	all := &pidFiles{main: main}
	for _, path := range []string{o.vrrpPID, o.bfdPID} {
		if path == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			all.remove()
			return nil, fmt.Errorf("write the pid: %w", err)
		}
		all.others = append(all.others, path)
	}
	return all, nil
}

func (p *pidFiles) remove() {
	for _, path := range p.others {
		_ = os.Remove(path) // the next vipd writes over it
	}
	p.main.remove()
}
