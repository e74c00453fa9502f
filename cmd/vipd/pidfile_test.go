package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestPIDFileIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vipd.pid")
	first, err := lockPIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockPIDFile(path)
	running, ok := errors.AsType[*runningError](err)
	if !ok || running.pid != strconv.Itoa(os.Getpid()) {
		t.Errorf("error %v, want a runningError of this process", err)
	}
	first.remove()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	again, err := lockPIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again.remove()
}

func TestStalePIDFileIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vipd.pid")
	if err := os.WriteFile(path, []byte("123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := lockPIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("file %q, error %v", text, err)
	}
}
