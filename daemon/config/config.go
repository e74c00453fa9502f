package config

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// Position is a place in a configuration file.
type Position struct {
	File string
	Line int // from 1
}

// Config is a validated configuration.
type Config struct {
	File      string
	Global    Global
	Scripts   []Script
	Instances []Instance
	Warnings  []*Error // what is accepted and should not stay, by line
}

// Global is the global_defs block.
type Global struct {
	RouterID             string // default: the host's name, filled by the daemon when empty
	ScriptUser           string // default: keepalived_script if that user exists, else root; empty here
	ScriptGroup          string
	EnableScriptSecurity bool
	GARPDelay            time.Duration // vrrp_garp_master_delay, default 5 s; already in every Instance
	GARPRepeat           int           // vrrp_garp_master_repeat, default 5; already in every Instance
}

// Script is a vrrp_script block. See keepalived.conf(5).
type Script struct {
	Name     string
	Command  []string      // the program and its arguments, split as keepalived splits
	Interval time.Duration // default 1 s; fractions allowed
	Timeout  time.Duration // default: Interval
	Weight   int           // -253 to 253, default 0: failure is a fault
	Reverse  bool          // weight's `reverse`
	Rise     int           // default 1
	Fall     int           // default 1
	InitFail bool          // init_fail
	User     string        // empty: Global's
	Group    string
	Position Position
}

// InitialState is the `state` keyword of a vrrp_instance.
type InitialState uint8

// The initial states. MASTER is no more than a wish: below priority 255 the
// router starts as Backup and waits its full Active_Down_Interval.
const (
	InitialBackup InitialState = iota
	InitialMaster
)

// Instance is a vrrp_instance block.
type Instance struct {
	Name             string
	InitialState     InitialState
	Interface        string
	VRID             uint8
	Priority         uint8         // default 100; 255 if state MASTER and unset is keepalived's default
	Version          int           // default 2
	AdvertInterval   time.Duration // default 1 s; version 2: whole seconds
	AuthPass         string        // empty: no authentication; at most 8 bytes are used
	NoPreempt        bool
	VirtualAddresses []VirtualAddress
	TrackScripts     []TrackScript
	TrackInterfaces  []TrackInterface
	GARPDelay        time.Duration // garp_master_delay, default: Global's; 0: no second set
	GARPRepeat       int           // garp_master_repeat, default: Global's; at least 1
	DontTrackPrimary bool          // dont_track_primary: Interface may be down
	Position         Position
}

// VirtualAddress is a line of virtual_ipaddress.
type VirtualAddress struct {
	Prefix    netip.Prefix // the address with its host bits; a bare IPv4 address is a /32
	Device    string       // never empty; default: the instance's interface
	Broadcast netip.Addr   // brd; invalid when none was given
	Scope     Scope        // scope, default global
	Label     string
	Position  Position
}

// TrackScript is a line of track_script.
type TrackScript struct {
	Name     string
	Weight   *int // nil: the script's own
	Reverse  bool // the script's own unless the line says otherwise
	Position Position
}

// TrackInterface is a line of track_interface.
type TrackInterface struct {
	Name     string
	Weight   int  // -253 to 253, default 0: down is a fault
	Reverse  bool // weight's `reverse`
	Position Position
}

// Load reads and validates the file. The error joins one *Error a fault.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Load on a text that was read already; name is what messages call it.
func Parse(name string, text []byte) (*Config, error) {
	tree, err := ParseTree(name, text)
	if err != nil {
		return nil, err
	}
	return Convert(tree)
}

// Convert understands and validates a tree. The error joins one *Error a
// fault, as Parse's does.
func Convert(tree *Tree) (*Config, error) {
	c := &converter{directions: map[tracking]bool{}}
	to := &Config{File: tree.File, Global: Global{GARPDelay: 5 * time.Second, GARPRepeat: 5}}
	root.apply(c, to, tree.Nodes)
	c.complete(to)
	if len(c.faults) > 0 {
		return nil, join(c.faults)
	}
	sortByLine(c.warnings)
	to.Warnings = c.warnings
	return to, nil
}
