package track

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// File is a file whose number is tracked (track_file, keepalived.conf(5),
// "Track files"). A file that is not there has the number 0.
type File struct {
	Name string
	Path string
	// Init is written to the file by Prepare when it is not there, and with
	// Overwrite in any case; nil: nothing is.
	Init      *int
	Overwrite bool
}

// Prepare writes the initial number, if one is configured. A daemon does that
// when it starts, and not when it reads its configuration anew.
func (f *File) Prepare() error {
	if f.Init == nil {
		return nil
	}
	info, err := os.Stat(f.Path)
	switch {
	case err == nil && !f.Overwrite:
		return nil
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("initialise track file %s: it is not a regular file", f.Path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("initialise track file %s: %w", f.Path, err)
	}
	if err := os.WriteFile(f.Path, []byte(strconv.Itoa(*f.Init)+"\n"), 0o644); err != nil {
		return fmt.Errorf("initialise track file %s: %w", f.Path, err)
	}
	return nil
}

// read returns the number in the file, and whether the file is there and
// empty. A file that would block, such as a pipe, is not waited for.
func (f *File) read() (number int, empty bool, err error) {
	file, err := os.OpenFile(f.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	text := make([]byte, numberBytesMax)
	n, err := file.Read(text)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, fmt.Errorf("read track file: %w", err)
	}
	number, err = ParseNumber(text[:n])
	if err != nil {
		return 0, false, fmt.Errorf("track file %s: %w", f.Path, err)
	}
	return number, n == 0, nil
}
