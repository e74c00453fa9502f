package config

import (
	"errors"
	"net/netip"
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
}

// Global is the global_defs block.
type Global struct {
	RouterID             string // default: the host's name, filled by the daemon when empty
	ScriptUser           string // default: keepalived_script if that user exists, else root; empty here
	ScriptGroup          string
	EnableScriptSecurity bool
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
	GARPDelay        time.Duration // garp_master_delay, default 5 s
	GARPRepeat       int           // garp_master_repeat, default 5
	Position         Position
}

// VirtualAddress is a line of virtual_ipaddress.
type VirtualAddress struct {
	Prefix   netip.Prefix // a bare IPv4 address is a /32
	Device   string       // default: the instance's interface
	Label    string
	Position Position
}

// TrackScript is a line of track_script.
type TrackScript struct {
	Name     string
	Weight   *int // nil: the script's own
	Reverse  bool
	Position Position
}

// TrackInterface is a line of track_interface.
type TrackInterface struct {
	Name     string
	Weight   int
	Position Position
}

// Load reads and validates the file. The error joins one *Error a fault.
func Load(path string) (*Config, error) { return nil, errors.New("not built yet") }

// Parse is Load on a text that was read already; name is what messages call it.
func Parse(name string, text []byte) (*Config, error) { return nil, errors.New("not built yet") }
