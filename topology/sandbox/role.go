package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// rolePrefix marks a process that is this program in a role; it is what ps
// shows.
const rolePrefix = "takeover:"

// self is this program whatever became of its file.
const self = "/proc/self/exe"

// Role is a part that this program plays in a process of its own.
type Role func(args []string) error

// Main plays the role that the process was started for and exits, or returns
// when the process was started for none. Call it first in main and in
// TestMain, before flags are looked at.
func Main(roles map[string]Role) {
	name, ok := strings.CutPrefix(os.Args[0], rolePrefix)
	if !ok {
		return
	}
	role, ok := roles[name]
	if name == initRole {
		role, ok = hostInit, true
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "takeover: no role %q in this program\n", name)
		os.Exit(64)
	}
	// The main goroutine keeps the main thread for itself: threads that enter a
	// host's namespaces end afterwards, and the main thread never can.
	runtime.LockOSThread()
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "takeover: %s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// RoleCommand is the path and the arguments, the zeroth included, that start
// this program in a role.
func RoleCommand(name string, args ...string) (path string, argv []string) {
	return self, append([]string{rolePrefix + name}, args...)
}
