package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// File is a file that a host sees at Path. Both paths are absolute, and Source
// is as the sandbox sees it.
type File struct{ Path, Source string }

// overlays is where a host keeps what it adds to the machine's directories.
const overlays = "/run/takeover/overlays"

// placeFiles makes files of the calling host, whose mounts are its own. The
// machine's directories are not written to: where there is nothing the next
// directory above gets an overlay, and what is there is covered. In this order,
// for an overlay would hide what covers a file below it.
func placeFiles(files []File) error {
	var cover []File
	for _, f := range files {
		info, err := os.Stat(f.Path)
		switch {
		case err == nil && info.IsDir():
			return fmt.Errorf("place the file %s: a directory is there", f.Path)
		case err == nil:
			cover = append(cover, f)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("place the file %s: %w", f.Path, err)
		default:
			if err := addFile(f); err != nil {
				return err
			}
		}
	}
	for _, f := range cover {
		if err := unix.Mount(f.Source, f.Path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover %s: %w", f.Path, err)
		}
	}
	return nil
}

func addFile(f File) error {
	if err := addDirectory(filepath.Dir(f.Path)); err != nil {
		return fmt.Errorf("place the file %s: %w", f.Path, err)
	}
	text, err := os.ReadFile(f.Source)
	if err != nil {
		return err
	}
	return os.WriteFile(f.Path, text, 0o644)
}

// addDirectory makes a directory that can be written to without writing to
// the machine's.
func addDirectory(path string) error {
	above := path
	for {
		if info, err := os.Stat(above); err == nil && info.IsDir() {
			break
		}
		above = filepath.Dir(above)
	}
	if above == "/" {
		return fmt.Errorf("the machine has no %s, and a host can add nothing to /", strings.Join(strings.SplitN(path, "/", 3)[:2], "/"))
	}
	var kind unix.Statfs_t
	if err := unix.Statfs(above, &kind); err != nil {
		return err
	}
	if above != "/run" && !strings.HasPrefix(above, "/run/") && kind.Type != unix.OVERLAYFS_SUPER_MAGIC {
		if err := overlay(above); err != nil {
			return fmt.Errorf("overlay %s: %w (does this kernel have overlayfs?)", above, err)
		}
	}
	return os.MkdirAll(path, 0o755)
}

// overlay covers a directory by itself with what is written to it kept apart.
func overlay(path string) error {
	own := filepath.Join(overlays, strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
	upper, work := filepath.Join(own, "upper"), filepath.Join(own, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	options := "lowerdir=" + path + ",upperdir=" + upper + ",workdir=" + work
	err := unix.Mount("overlay", path, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options+",userxattr")
	if errors.Is(err, unix.EINVAL) { // before Linux 5.11
		err = unix.Mount("overlay", path, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options)
	}
	return err
}
