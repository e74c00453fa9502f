package track

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestResolveUser(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ResolveUser(self.Username, ""); err != nil || got != nil {
		t.Errorf("own user: got %+v, %v, want nil", got, err)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("there is no user nobody")
	}
	got, err := ResolveUser("nobody", "")
	if err != nil || got == nil || nobody.Uid != itoa(got.Uid) || nobody.Gid != itoa(got.Gid) || len(got.Groups) != 0 || got.NoSetGroups {
		t.Errorf("nobody: got %+v, %v, want %+v", got, err, nobody)
	}
	got, err = ResolveUser("nobody", "daemon")
	if group, _ := user.LookupGroup("daemon"); err != nil || got == nil || group == nil || group.Gid != itoa(got.Gid) {
		t.Errorf("nobody daemon: got %+v, %v", got, err)
	}
	for _, names := range [][2]string{{"no such user", ""}, {"nobody", "no such group"}} {
		if got, err := ResolveUser(names[0], names[1]); err == nil || !strings.Contains(err.Error(), "no such") {
			t.Errorf("%q: got %+v, %v", names, got, err)
		}
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func TestPartOfAPathIsJudgedByOwnerAndMode(t *testing.T) {
	tests := []struct {
		name     string
		mode     fs.FileMode
		uid, gid uint32
		want     string
	}{
		{"root's file", 0o755, 0, 0, ""},
		{"another's file", 0o755, 7, 0, "/x belongs to user 7, not to root"},
		{"another's link", fs.ModeSymlink | 0o777, 7, 0, "/x belongs to user 7, not to root"},
		{"writable by root's group", 0o775, 0, 0, ""},
		{"writable by another group", 0o775, 0, 5, "/x is writable by group 5"},
		{"readable by another group", 0o755, 0, 5, ""},
		{"writable by everybody", 0o757, 0, 0, "/x is writable by everybody"},
		{"sticky file", fs.ModeSticky | 0o757, 0, 0, "/x is writable by everybody"},
		{"directory writable by everybody", fs.ModeDir | 0o777, 0, 0, "/x is writable by everybody"},
		{"sticky directory", fs.ModeDir | fs.ModeSticky | 0o777, 0, 0, ""},
		{"another's sticky directory", fs.ModeDir | fs.ModeSticky | 0o777, 7, 0, "/x belongs to user 7, not to root"},
		{"link", fs.ModeSymlink | 0o777, 0, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := judgePart("/x", test.mode, test.uid, test.gid); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSecurityProblemLooksAtEveryPartOfThePath(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: every file here belongs to another user")
	}
	dir := t.TempDir()
	inner := filepath.Join(dir, "inner")
	path, link := filepath.Join(inner, "script"), filepath.Join(dir, "link")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(inner, 0o755))
	check(os.WriteFile(path, nil, 0o755))
	check(os.Symlink(path, link))
	check(SecurityProblem(path))
	check(SecurityProblem(link))
	check(SecurityProblem("sh"))

	expect := func(program, part string) {
		t.Helper()
		if err := SecurityProblem(program); err == nil || !strings.Contains(err.Error(), ": "+part+" is writable by everybody") {
			t.Errorf("%s: got %v, want a problem of %s", program, err, part)
		}
	}
	check(os.Chmod(path, 0o777))
	expect(path, path)
	expect(link, path)
	check(os.Chmod(path, 0o755))
	check(os.Chmod(inner, 0o777))
	expect(path, inner)
	expect(link, inner)
	check(os.Chmod(inner, 0o755))
	check(os.Chmod(dir, 0o777))
	expect(path, dir)
	check(os.Chmod(dir, 0o755))
	open := filepath.Join(t.TempDir(), "open")
	check(os.Mkdir(open, 0o755))
	check(os.Chmod(open, 0o777)) // whatever the umask
	check(os.Symlink(path, filepath.Join(open, "link")))
	expect(filepath.Join(open, "link"), open)
	if err := SecurityProblem(filepath.Join(dir, "none")); err == nil {
		t.Error("a program that is not there has no problem")
	}
}
