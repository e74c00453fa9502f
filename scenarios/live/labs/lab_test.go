package labs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"takeover/scenarios/live/labs"
)

func TestOneClaimsADirectory(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	var claimed atomic.Int32
	var claim *labs.Claim
	var trying sync.WaitGroup
	for range 50 {
		trying.Go(func() {
			c, err := labs.NewClaim(home, "lab")
			switch {
			case err == nil:
				claimed.Add(1)
				claim = c
			case !errors.Is(err, labs.ErrHeld):
				t.Errorf("error %v", err)
			}
		})
	}
	trying.Wait()
	if claimed.Load() != 1 {
		t.Fatalf("%d claims on one directory", claimed.Load())
	}
	if lab, err := labs.Open(home, "lab"); err != nil || !lab.Alive {
		t.Errorf("a claimed lab is %+v, %v", lab, err)
	}
	if removed, err := labs.Collect(home); len(removed) > 0 || err != nil {
		t.Errorf("gc removed %v, %v", removed, err)
	}
	if err := claim.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := labs.Open(home, "lab"); !errors.Is(err, labs.ErrNone) {
		t.Errorf("a removed lab gives %v", err)
	}
}

// TestClaimsAndRemovalsInTurn: a lock on a directory that was removed meanwhile
// is worth nothing.
func TestClaimsAndRemovalsInTurn(t *testing.T) {
	home := t.TempDir()
	var inside atomic.Int32
	var trying sync.WaitGroup
	for range 4 {
		trying.Go(func() {
			for range 200 {
				c, err := labs.NewClaim(home, "lab")
				if errors.Is(err, labs.ErrHeld) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d have the claim", n)
				}
				inside.Add(-1)
				if err := c.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	trying.Wait()
}

func TestDeadLabsAreReplacedAndCollected(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"one", "two"} {
		c, err := labs.NewClaim(home, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Directory, "history.jsonl"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Release(); err != nil {
			t.Fatal(err)
		}
	}
	all, err := labs.List(home)
	if err != nil || len(all) != 2 || all[0].Alive || all[1].Alive {
		t.Fatalf("labs %+v, %v", all, err)
	}
	again, err := labs.NewClaim(home, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(again.Directory, "history.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dead lab's file is still there: %v", err)
	}
	if removed, err := labs.Collect(home); !slices.Equal(removed, []string{"two"}) || err != nil {
		t.Errorf("gc removed %v, %v", removed, err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
	lab, err := labs.Open(home, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Down(context.Background()); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(home); len(entries) > 0 || err != nil {
		t.Errorf("there are still %v, %v", entries, err)
	}
}

func TestNamesAndHomes(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", ".hidden", "-x", strings.Repeat("a", 65)} {
		if _, err := labs.NewClaim(t.TempDir(), name); err == nil {
			t.Errorf("the name %q is taken", name)
		}
		if _, err := labs.Open(t.TempDir(), name); !errors.Is(err, labs.ErrNone) {
			t.Errorf("the name %q gives %v", name, err)
		}
	}
	if home, err := labs.Home("relative"); err != nil || !filepath.IsAbs(home) {
		t.Errorf("home %q, %v", home, err)
	}
	runtime := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	if home, err := labs.Home(""); err != nil || home != filepath.Join(runtime, "takeover") {
		t.Errorf("home %q, %v", home, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(runtime, "missing"))
	if home, err := labs.Home(""); err != nil || strings.HasPrefix(home, runtime) {
		t.Errorf("home %q, %v", home, err)
	}
	// A home that somebody made a link of is not used.
	link := filepath.Join(runtime, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := labs.NewClaim(link, "lab"); err == nil {
		t.Error("a home that is a link is used")
	}
}
