package track

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// emptyDelay is how long a file must be empty until that counts: a writer who
// truncates it before he writes is often seen in between.
const emptyDelay = 20 * time.Millisecond

// WatchFiles watches files until ctx ends. It sends a Result with the number
// of each, at once, and whenever it changes: when a writer closes the file,
// and when another file or none takes its place, by whatever change of a
// directory or a symbolic link on the way. It returns nil when ctx has ended,
// else why it cannot watch.
//
// It costs one inotify instance, and nothing while nothing changes. What
// inotify(7) does not see is not noticed: changes by other machines on network
// file systems, and those in /proc and /sys. note is told of a file that cannot
// be read, or has no valid number: the last one stays valid then. It is called
// from this goroutine.
func WatchFiles(ctx context.Context, all []*File, results chan<- Result, note func(error)) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch track files: %w", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	stop := context.AfterFunc(ctx, func() {
		// It ends the read; the only error would be that there is no poller.
		_ = events.SetReadDeadline(time.Now())
	})
	defer stop()
	w := &fileWatch{descriptor: fd}
	for _, file := range all {
		path, err := filepath.Abs(file.Path)
		if err != nil {
			return fmt.Errorf("watch track file %s: %w", file.Path, err)
		}
		w.files = append(w.files, &watchedFile{File: file, path: path})
	}
	buffer := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for news := (changes{}); ; {
		if err := w.follow(); err != nil {
			return err
		}
		for _, file := range w.files {
			r, changed, err := file.look(news)
			if err != nil {
				note(err)
			}
			if !changed {
				continue
			}
			select {
			case results <- r:
			case <-ctx.Done():
				return nil
			}
		}
		if news, err = w.await(ctx, events, buffer); err != nil {
			return fmt.Errorf("watch track files: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// await waits for changes, for the end of the doubt about an empty file, or for
// the end of ctx.
func (w *fileWatch) await(ctx context.Context, events *os.File, buffer []byte) (changes, error) {
	var deadline time.Time
	if slices.ContainsFunc(w.files, func(f *watchedFile) bool { return f.doubted }) {
		deadline = time.Now().Add(emptyDelay)
	}
	if err := events.SetReadDeadline(deadline); err != nil {
		return changes{}, err
	}
	if ctx.Err() != nil { // before this deadline was set
		return changes{}, nil
	}
	n, err := events.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return changes{unknown: true, settled: true}, nil
	}
	if err != nil {
		return changes{}, err
	}
	return parseChanges(buffer[:n]), nil
}

// fileWatch is what is watched.
type fileWatch struct {
	descriptor int
	files      []*watchedFile
	watches    map[string]int // by directory
}

// watchedFile is what was found of a file.
type watchedFile struct {
	*File
	path   string      // absolute
	entry  entry       // where that ends
	seen   entry       // where it ended when it was looked at
	found  os.FileInfo // nil: it was not there
	looked bool        // once at least
	number int
	// doubted says that the file is empty, perhaps because it is about to be
	// written.
	doubted bool
}

// follow watches the ways to all files. A way may change before it is watched:
// it is followed again until nothing new is found.
func (w *fileWatch) follow() error {
	for {
		wanted := make(route)
		ends := make([]string, len(w.files))
		for n, file := range w.files {
			ends[n] = wanted.follow(file.path)
		}
		watches, err := w.watch(wanted)
		if err != nil {
			return err
		}
		for n, file := range w.files {
			directory, name := filepath.Split(ends[n])
			file.entry = entry{watch: watches[filepath.Clean(directory)], name: name}
		}
		if maps.Equal(watches, w.watches) {
			return nil
		}
		w.watches = watches
	}
}

// watch watches those directories, and no others any more.
func (w *fileWatch) watch(wanted route) (map[string]int, error) {
	watches := make(map[string]int, len(wanted))
	kept := make(map[int]bool, len(wanted))
	for directory, mask := range wanted {
		// Two ways may lead to one directory, whose masks are joined.
		n, err := unix.InotifyAddWatch(w.descriptor, directory, mask|unix.IN_MASK_ADD)
		switch {
		case err == nil:
			watches[directory], kept[n] = n, true
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			return nil, fmt.Errorf("watch %s for track files: %w", directory, err)
		}
	}
	for _, n := range w.watches {
		if !kept[n] {
			// The error is that the directory is gone, and the watch with it.
			_, _ = unix.InotifyRmWatch(w.descriptor, uint32(n))
		}
	}
	return watches, nil
}

// look reads the file when it is another than before, or was written. A new
// file that is still being written is not: that it is closed will be told.
func (f *watchedFile) look(news changes) (r Result, changed bool, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		info = nil
	}
	replaced := !f.looked || (info == nil) != (f.found == nil) || info != nil && !os.SameFile(info, f.found)
	moved := f.entry != f.seen // what happened in between was not told
	f.found, f.seen = info, f.entry
	switch {
	case moved || news.unknown || news.written[f.entry]:
	case !replaced, f.looked && news.created[f.entry] && isBeingWritten(info):
		return Result{}, false, nil
	}
	first := !f.looked
	f.looked = true
	number, empty, err := f.read()
	if err != nil {
		number = f.number
	}
	f.doubted = empty && number != f.number && !news.settled
	if f.doubted {
		return Result{}, false, nil
	}
	if number == f.number && !first {
		return Result{}, false, err
	}
	f.number = number
	return Result{
		Kind: KindFile, Name: f.Name, Up: true, First: first, Number: number,
		Status: fmt.Sprintf("contains %d", number),
	}, true, err
}

// isBeingWritten says that a file that has just appeared did so by being
// opened, not as a further name of another.
func isBeingWritten(info os.FileInfo) bool {
	if info == nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && stat.Nlink == 1
}

// entry is a name in a watched directory.
type entry struct {
	watch int
	name  string
}

// changes are what some events of inotify say.
type changes struct {
	unknown bool // anything may have changed: events were lost, or not awaited
	settled bool // what is empty now has been so long enough
	written map[entry]bool
	created map[entry]bool
}

// parseChanges reads events (inotify(7), "Reading events").
func parseChanges(b []byte) changes {
	news := changes{written: make(map[entry]bool), created: make(map[entry]bool)}
	order := binary.NativeEndian
	for len(b) >= unix.SizeofInotifyEvent {
		mask, size := order.Uint32(b[4:]), int(order.Uint32(b[12:]))
		if size > len(b)-unix.SizeofInotifyEvent {
			break
		}
		name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size], []byte{0})
		e := entry{watch: int(int32(order.Uint32(b))), name: string(name)}
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			news.unknown = true
		case mask&(unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO) != 0:
			news.written[e] = true
		case mask&unix.IN_CREATE != 0:
			news.created[e] = true
		}
		b = b[unix.SizeofInotifyEvent+size:]
	}
	return news
}
