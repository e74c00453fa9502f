package labs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// Home is the directory in which this user's labs live: the given one, or
// $XDG_RUNTIME_DIR/takeover, or /run/takeover for root, or /tmp/takeover-UID.
func Home(given string) (string, error) {
	switch {
	case given != "":
		return filepath.Abs(given)
	case ours(os.Getenv("XDG_RUNTIME_DIR")) == nil:
		return filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "takeover"), nil
	case os.Geteuid() == 0 && ours("/run") == nil:
		return "/run/takeover", nil
	default:
		return filepath.Join(os.TempDir(), "takeover-"+strconv.Itoa(os.Geteuid())), nil
	}
}

// ours says why a directory is not this user's own; nil: it is.
func ours(directory string) error {
	info, err := os.Lstat(directory)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", directory)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d", directory, stat.Uid)
	}
	return nil
}

// makeHome makes the home where it is missing. One that another user could have
// put there is refused.
func makeHome(home string) error {
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(home, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return ours(home)
}

var labName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName says what is wrong with a lab's name.
func CheckName(name string) error {
	if !labName.MatchString(name) {
		return fmt.Errorf("lab %q: a name has 1 to 64 letters, digits, dots, hyphens and underscores and starts with a letter or a digit", name)
	}
	return nil
}
