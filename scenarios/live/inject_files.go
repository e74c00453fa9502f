package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"takeover/daemon/config"
	"takeover/scenarios/fault"
)

// prepareFullDisk leaves no room below a path.
func (s *Stand) prepareFullDisk(f fault.Fault, host string) (injection, error) {
	path := filepath.Clean(f.Path)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return injection{}, fmt.Errorf("path %s is no directory", path)
	}
	if path == "/" || path == "/run" || strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, "/proc") || strings.HasPrefix(path, "/sys") {
		return injection{}, fmt.Errorf("path %s can't be covered", path)
	}
	room := fmt.Sprintf("/run/full-%d", s.lastForce+1)
	return injection{
		func() error { return s.mount(host, mountFull, path, room) },
		func() error {
			// In this order: the one holds the other.
			return errors.Join(s.mount(host, mountUndo, path, room), s.mount(host, mountGone, room))
		},
	}, nil
}

// roomBytes is the size of what is full: what an overlay needs for itself.
const roomBytes = 1 << 16

// mountWithoutRoom covers a directory by itself, with what is written to it on a
// file system that is full.
func mountWithoutRoom(path, room string) error {
	if err := os.MkdirAll(room, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", room, "tmpfs", 0, fmt.Sprintf("size=%d", roomBytes)); err != nil {
		return fmt.Errorf("mount a small tmpfs: %w", err)
	}
	upper, work := filepath.Join(room, "upper"), filepath.Join(room, "work")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", path, upper, work)
	if err := unix.Mount("overlay", path, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay %s: %w (does this kernel have overlayfs?)", path, err)
	}
	err := os.WriteFile(filepath.Join(room, "filler"), make([]byte, 2*roomBytes), 0o600)
	if !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("fill %s: %w", room, orSilent(err))
	}
	return nil
}

// What takes a check script's program's place, by the mode. It gets the
// program's own arguments, which it has to take.
var wrongScripts = map[string]struct {
	text string
	mode os.FileMode
}{
	"fail":         {"#!/bin/false\n", 0o755},
	"hang":         {"#!/bin/sh\nexec sleep 86400\n", 0o755},
	"unexecutable": {"no program\n", 0o644},
}

// prepareScript covers the programs of the daemon's check scripts.
func (s *Stand) prepareScript(f fault.Fault, v *service) (injection, error) {
	programs, err := scriptPrograms(v)
	if err != nil {
		return injection{}, err
	}
	wrong := wrongScripts[f.Mode]
	source := filepath.Join(s.scratch(v.on.Name), "script-"+f.Mode)
	if err := os.WriteFile(source, []byte(wrong.text), wrong.mode); err != nil {
		return injection{}, err
	}
	if err := os.Chmod(source, wrong.mode); err != nil { // whatever the umask
		return injection{}, err
	}
	shell, _ := filepath.EvalSymlinks("/bin/sh")
	return injection{
		func() error {
			for _, program := range programs {
				if f.Mode == "hang" && program == shell {
					return fmt.Errorf("%s is what would hang", program)
				}
				if err := s.mount(v.on.Name, mountCover, source, program); err != nil {
					return err
				}
			}
			return nil
		},
		func() error { return s.mount(v.on.Name, append([]string{mountUndo}, programs...)...) },
	}, nil
}

// scriptPrograms are what the check scripts of a daemon's configuration run.
func scriptPrograms(v *service) ([]string, error) {
	parsed, err := config.Parse(v.spec.ConfigName, []byte(v.spec.Config))
	if err != nil {
		return nil, err
	}
	var programs []string
	for _, script := range parsed.Scripts {
		program, err := filepath.EvalSymlinks(script.Command[0])
		if err != nil {
			return nil, fmt.Errorf("script %s: %w", script.Name, err)
		}
		programs = append(programs, program)
	}
	if len(programs) == 0 {
		return nil, errors.New("its daemon has no check script")
	}
	return programs, nil
}
