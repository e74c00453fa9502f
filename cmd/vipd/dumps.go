package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"takeover/daemon/config"
)

// dumpTimeout bounds how long the daemon may take to answer.
const dumpTimeout = 5 * time.Second

// dumper writes what keepalived's signals ask for, where keepalived writes it.
type dumper struct {
	directory string
	mode      os.FileMode
	name      string // in the names of .data files; empty: none
	asked     asked
}

// dumpUmask keeps dumps for their owner, as keepalived does.
const dumpUmask = 0o177

// namesOf is what the names of .data files have in them, where several daemons
// make some (data_use_instance in keepalived.conf(5)).
func namesOf(o options, c *config.Config) string {
	if !c.Global.DumpsNamed {
		return ""
	}
	names := []string{o.namespace, c.Global.InstanceName}
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "" }), "_")
}

// asked is what dumps are made of; see daemon.Inquiries.
type asked interface {
	WriteData(context.Context, io.Writer) error
	WriteStats(ctx context.Context, w io.Writer, clear bool) error
	WriteJSON(context.Context, io.Writer) error
}

// newDumper dumps into TMPDIR if that is an absolute path, else into /tmp.
func newDumper(q asked, umask *int, name string) dumper {
	directory := os.Getenv("TMPDIR")
	if !filepath.IsAbs(directory) {
		directory = "/tmp"
	}
	bits := dumpUmask
	if umask != nil {
		bits = *umask
	}
	return dumper{directory: directory, mode: os.FileMode(0o666 &^ bits), name: name, asked: q}
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
		if d.name != "" {
			name = "keepalived." + d.name + ".data"
		}
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
