package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// dumpTimeout bounds how long the daemon may take to answer.
const dumpTimeout = 5 * time.Second

// dumper writes what keepalived's signals ask for, where keepalived writes it.
type dumper struct {
	directory string
	mode      os.FileMode
	asked     asked
}

// asked is what dumps are made of; see daemon.Inquiries.
type asked interface {
	WriteData(context.Context, io.Writer) error
	WriteStats(ctx context.Context, w io.Writer, clear bool) error
	WriteJSON(context.Context, io.Writer) error
}

// newDumper dumps into TMPDIR if that is an absolute path, else into /tmp.
func newDumper(q asked, umask int) dumper {
	directory := os.Getenv("TMPDIR")
	if !filepath.IsAbs(directory) {
		directory = "/tmp"
	}
	return dumper{directory: directory, mode: os.FileMode(0o666 &^ umask), asked: q}
}

// dump does what a signal asks for, and returns the file's path; empty: the
// signal asks for nothing.
func (d dumper) dump(ctx context.Context, s os.Signal) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	name, write := "", d.asked.WriteData
	switch s {
	case signalData:
		name = "keepalived.data"
	case signalStats, signalStatsClear:
		name = "keepalived.stats"
		write = func(ctx context.Context, w io.Writer) error {
			return d.asked.WriteStats(ctx, w, s == signalStatsClear)
		}
	case signalJSON:
		name, write = "keepalived.json", d.asked.WriteJSON
	default:
		return "", nil
	}
	path := filepath.Join(d.directory, name)
	if err := replaceFile(path, d.mode, func(w io.Writer) error { return write(ctx, w) }); err != nil {
		return path, fmt.Errorf("write %s: %w", path, err)
	}
	return path, nil
}

// replaceFile puts a new file in the place of whatever is at path. It opens
// nothing that was there: in a directory that all may write to, somebody may
// have laid a link, or hold the old file open.
func replaceFile(path string, mode os.FileMode, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Chmod(mode), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
