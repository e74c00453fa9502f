package live

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// versionTimeout bounds how long a program may take to name its version.
const versionTimeout = 2 * time.Second

// VersionLine is the first line that a program prints of its version, given the
// flag for that.
func VersionLine(path, flag string) string {
	if path == "" {
		return "not installed"
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, path, flag)
	command.WaitDelay = versionTimeout // for children that keep its output open
	out, err := command.CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line == "" {
		return err.Error()
	}
	return line
}

// versionNumber is the first number with a dot in what a program says.
var versionNumber = regexp.MustCompile(`[0-9]+\.[0-9][0-9.]*`)

// Version is the number of a subject's version, for scene.Judge; "" where it has
// none, and where there are several subjects.
func (p Programs) Version(subject string) string {
	path := map[string]string{"vipd": p.VIPD, "keepalived": p.Keepalived}[subject]
	if path == "" {
		return ""
	}
	return versionNumber.FindString(VersionLine(path, "--version"))
}
