package track

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// entryMask are the changes in a directory by which a name in it comes to
	// mean another file, or none.
	entryMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
	// selfMask are those by which the directory itself does.
	selfMask = unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	// writeMask is a file in a directory that was written and is closed.
	writeMask = unix.IN_CLOSE_WRITE

	linksMax = 40 // as in path_resolution(7)
)

// route is what must be watched to notice every change of what paths lead to:
// masks of inotify(7) by directory.
type route map[string]uint32

// follow adds the way to an absolute path, and returns where it ends: the path
// without symbolic links. Each directory on the way is watched for its own
// disappearance; where a symbolic link stands, or nothing, and where the file
// is, entries are watched, too.
func (r route) follow(path string) (end string) {
	for range linksMax {
		target, isLink := r.walk(path)
		if !isLink {
			break
		}
		path = target
	}
	return path
}

// walk follows path to its first symbolic link, and returns the path that the
// link makes of it.
func (r route) walk(path string) (target string, isLink bool) {
	parts := strings.Split(strings.TrimPrefix(filepath.Clean(path), "/"), "/")
	directory := "/"
	for n, part := range parts {
		r[directory] |= selfMask
		here := filepath.Join(directory, part)
		info, err := os.Lstat(here)
		isLast := n == len(parts)-1
		isLink := err == nil && info.Mode()&os.ModeSymlink != 0
		if err != nil || isLast || isLink {
			r[directory] |= entryMask
		}
		if isLast && !isLink {
			r[directory] |= writeMask
		}
		switch {
		case err != nil:
			return "", false
		case isLink:
			link, err := os.Readlink(here)
			if err != nil {
				return "", false
			}
			if !filepath.IsAbs(link) {
				link = filepath.Join(directory, link)
			}
			return filepath.Join(append([]string{link}, parts[n+1:]...)...), true
		}
		directory = here
	}
	return "", false
}
