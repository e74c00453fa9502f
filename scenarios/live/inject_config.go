package live

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
)

// prepareReload changes the daemon's configuration and has it read it.
func (s *Stand) prepareReload(f fault.Fault, v *service) (injection, error) {
	if v.subject.name == frrName {
		return injection{}, errors.New("frr does not read its configuration again at a signal")
	}
	was, err := os.ReadFile(v.files.config)
	if err != nil {
		return injection{}, err
	}
	edited, err := edit(f, was)
	if err != nil {
		return injection{}, err
	}
	return injection{
		func() error { return v.reload(edited) },
		func() error { return v.reload(was) },
	}, nil
}

// reload puts a text into the place of the configuration, and tells the daemon if
// it runs.
func (v *service) reload(text []byte) error {
	next := v.files.config + ".next"
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(next, v.files.config); err != nil {
		return err
	}
	process := v.running()
	if process == nil {
		return nil
	}
	if err := unix.Kill(process.PID, unix.SIGHUP); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("SIGHUP to %s: %w", v.program, err)
	}
	return nil
}

// What is looked for in a keepalived.conf.
var (
	anyInterface = regexp.MustCompile(`(?m)^(\s*)interface(\s)`)
	anyPeers     = regexp.MustCompile(`unicast_peer\s*\{[^}]*\}`)
	anyPriority  = regexp.MustCompile(`(?m)^(\s*priority\s+)\d+`)
	anyAddresses = regexp.MustCompile(`virtual_ipaddress\s*\{`)
)

// edit is the configuration as the fault's mode has it.
func edit(f fault.Fault, text []byte) ([]byte, error) {
	replace := func(what *regexp.Regexp, with string) ([]byte, error) {
		if !what.Match(text) {
			return nil, fmt.Errorf("mode %s: nothing in the configuration is like %q", f.Mode, what)
		}
		return what.ReplaceAll(text, []byte(with)), nil
	}
	switch f.Mode {
	case "spoiled":
		return replace(anyInterface, "${1}interfaec$2")
	case "truncated":
		return text[:len(text)*2/3], nil
	case "no-peers":
		return replace(anyPeers, "unicast_peer {\n    }")
	case "priority":
		return replace(anyPriority, "${1}"+strconv.Itoa(f.Priority))
	case "address":
		return replace(anyAddresses, "virtual_ipaddress {\n        "+f.Address.String())
	}
	return text, nil
}
