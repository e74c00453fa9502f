package track

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// SecurityProblem says why a program should not be run as root: somebody
// other than root could change or replace it. It is nil when nobody can.
//
// It looks at every directory from / to the program, along the path as given
// and along the one that symbolic links lead to. A part is safe when root owns
// it and it is writable neither by a group other than root's nor by the world;
// a directory with the sticky bit may be. A program without a slash is looked
// for in PATH first. In a user namespace, whoever is not mapped into it counts
// as root. This is what enable_script_security checks
// (keepalived.conf(5), "SCRIPTS"); it matters for scripts that run as root.
func SecurityProblem(program string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("check script %s: %w", program, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("check script %s: %w", program, err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("check script %s: %w", program, err)
	}
	for _, p := range []string{real, path} {
		if err := checkPath(p); err != nil {
			return fmt.Errorf("check script %s: %w", program, err)
		}
	}
	return nil
}

// checkPath checks each part of an absolute, clean path, from / down.
func checkPath(path string) error {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if err := checkPart(path[:max(i, 1)]); err != nil {
			return err
		}
	}
	if strings.HasSuffix(path, "/") {
		return nil
	}
	return checkPart(path)
}

func checkPart(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("no owner known of %s", path)
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return err
	}
	uid := owner.Uid
	if !mapped(string(ids), uid) {
		uid = 0
	}
	return judgePart(path, info.Mode(), uid, owner.Gid)
}

// mapped says whether a user exists in this user namespace (the format is that
// of user_namespaces(7), "uid_map": first id inside, first outside, length).
// One that does not is shown as the overflow id and stands for whoever rules
// outside, root there first of all; nobody inside can be that user.
func mapped(ids string, uid uint32) bool {
	for line := range strings.Lines(ids) {
		var inside, outside, length uint64
		if _, err := fmt.Sscan(line, &inside, &outside, &length); err != nil {
			continue
		}
		if uint64(uid) >= inside && uint64(uid)-inside < length {
			return true
		}
	}
	return false
}

// judgePart judges one part of a path by its mode and its owner.
func judgePart(path string, mode fs.FileMode, uid, gid uint32) error {
	const groupWrite, worldWrite = 0o020, 0o002
	sticky := mode.IsDir() && mode&fs.ModeSticky != 0
	switch {
	case uid != 0:
		return fmt.Errorf("%s belongs to user %d, not to root", path, uid)
	case mode&fs.ModeSymlink != 0 || sticky:
		return nil
	case mode&worldWrite != 0:
		return fmt.Errorf("%s is writable by everybody", path)
	case mode&groupWrite != 0 && gid != 0:
		return fmt.Errorf("%s is writable by group %d", path, gid)
	}
	return nil
}
