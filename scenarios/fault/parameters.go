package fault

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parameters are what faults have besides their kind. Which of them a kind
// takes, Kind.Takes says; zero is: not given.
type Parameters struct {
	// Process is a process of the topology, or a program's name.
	Process string `json:"process,omitempty"`
	// Signal is a signal's name without SIG.
	Signal string `json:"signal,omitempty"`
	// Mode is one of the kind's Modes.
	Mode string `json:"mode,omitempty"`
	// Protocol is one of Protocols, or tcp:PORT or udp:PORT.
	Protocol string `json:"protocol,omitempty"`
	// Direction is from (the host), to (it), or both.
	Direction string `json:"direction,omitempty"`
	// Peer is another host: only what goes between the two.
	Peer string `json:"peer,omitempty"`
	// Interface is one of the host's; empty: its first.
	Interface string `json:"interface,omitempty"`
	// Path is absolute, in the host.
	Path string `json:"path,omitempty"`
	// Address is a virtual address; invalid: the first.
	Address netip.Addr `json:"address,omitzero"`
	// Groups are the parts of a partition, each a list of hosts. Hosts in none
	// of them are with the first.
	Groups [][]string `json:"groups,omitempty"`

	// Which frames: with a probability (0 to 1, or 0% to 100%), every n-th,
	// the first so many, or in bursts after Gilbert and Elliott, who lose
	// everything in the bad state: the probabilities to enter and to leave it.
	// None of them: every frame.
	Probability Ratio `json:"probability,omitempty"`
	Every       int   `json:"every,omitempty"`
	First       int   `json:"first,omitempty"`
	BurstEnter  Ratio `json:"burst_enter,omitempty"`
	BurstLeave  Ratio `json:"burst_leave,omitempty"`

	// Durations are more than zero, Offset may be less.
	Delay    Duration `json:"delay,omitempty"`
	Jitter   Duration `json:"jitter,omitempty"`
	Period   Duration `json:"period,omitempty"`
	Down     Duration `json:"down,omitempty"`
	After    Duration `json:"after,omitempty"`
	Interval Duration `json:"interval,omitempty"`
	Offset   Duration `json:"offset,omitempty"`

	Count    int `json:"count,omitempty"`    // at least 1
	Size     int `json:"size,omitempty"`     // bytes, at least 1
	Rate     int `json:"rate,omitempty"`     // bytes a second, at least 1
	Percent  int `json:"percent,omitempty"`  // 1 to 100
	Priority int `json:"priority,omitempty"` // 0 to 255; 0 unless given
	VRID     int `json:"vrid,omitempty"`     // 1 to 255
	Version  int `json:"version,omitempty"`  // 2 or 3, or what none has
	TTL      int `json:"ttl,omitempty"`      // 1 to 255
}

// Duration is a time.Duration that is written like 1.5s.
type Duration time.Duration

// String is time.Duration's.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 20ms or 1.5s", text)
	}
	*d = Duration(parsed)
	return nil
}

// Ratio is from 0 to 1, also written as 0% to 100%.
type Ratio float64

// ratioDigits are so many that 0.55 is 55%, and not what the machine makes of it.
const ratioDigits = 15

// String is the ratio in percent.
func (r Ratio) String() string {
	return strconv.FormatFloat(float64(r)*100, 'g', ratioDigits, 64) + "%"
}

// MarshalText implements encoding.TextMarshaler.
func (r Ratio) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ratio) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("%q is no ratio such as 0.3 or 30%%", text)
	}
	if percent {
		value /= 100
	}
	*r = Ratio(value)
	return nil
}

// Protocols are those that a fault of traffic may name, beside tcp:PORT and
// udp:PORT.
func Protocols() []string {
	return []string{"all", "vrrp", "arp", "garp", "nd", "bfd", "icmp", "ipvs-sync"}
}

// Modes are those that a kind has; nil when it takes none.
func (k Kind) Modes() []string {
	switch k { //nolint:exhaustive // the rest have none
	case WebFails:
		return []string{"error", "refuse", "hang", "slow", "truncate"}
	case DaemonReloaded:
		return []string{"same", "spoiled", "truncated", "no-peers", "priority", "address"}
	case ScriptFails:
		return []string{"fail", "hang", "unexecutable"}
	case Partition:
		return []string{"isolate", "split", "one-way", "ring", "bridge"}
	case AdvertForged:
		return []string{"valid", "checksum", "type", "authentication", "addresses", "truncated"}
	default:
		return nil
	}
}

// check returns everything that is wrong with p for the kind, joined.
func (p Parameters) check(kind Kind, d description) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("fault "+string(kind)+": "+format, args...))
	}
	given := p.given()
	takes := slices.Concat(d.requires, d.takes)
	for _, name := range given {
		if !slices.Contains(takes, name) {
			fail("it takes no %s%s", name, takesText(takes))
		}
	}
	for _, name := range d.requires {
		if !slices.Contains(given, name) {
			fail("it needs %s", name)
		}
	}
	for _, problem := range p.problems(kind) {
		fail("%s", problem)
	}
	return errors.Join(errs...)
}

func takesText(takes []string) string {
	if len(takes) == 0 {
		return ""
	}
	return ", but " + strings.Join(takes, ", ")
}

// problems are the values that can't be.
func (p Parameters) problems(kind Kind) []string {
	var all []string
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	wrong(p.Mode != "" && !slices.Contains(kind.Modes(), p.Mode), "mode %q is none of %s", p.Mode, strings.Join(kind.Modes(), ", "))
	wrong(p.Protocol != "" && !isProtocol(p.Protocol), "protocol %q is none of %s, tcp:PORT, udp:PORT", p.Protocol, strings.Join(Protocols(), ", "))
	wrong(p.Direction != "" && !slices.Contains([]string{"from", "to", "both"}, p.Direction), "direction %q is none of from, to, both", p.Direction)
	wrong(kind == OneWayLoss && p.Direction == "both", "direction both is not one way; link-loss is the fault for it")
	reloads := func(mode string) bool { return kind == DaemonReloaded && p.Mode == mode }
	wrong(reloads("priority") != (kind == DaemonReloaded && p.Priority != 0), "mode priority and a priority go together")
	wrong(reloads("address") != (kind == DaemonReloaded && p.Address.IsValid()), "mode address and an address go together")
	wrong(p.Path != "" && !strings.HasPrefix(p.Path, "/"), "path %q is not absolute", p.Path)
	for _, r := range []struct {
		name  string
		value Ratio
	}{{"probability", p.Probability}, {"burst_enter", p.BurstEnter}, {"burst_leave", p.BurstLeave}} {
		wrong(r.value < 0 || r.value > 1, "%s %s is not from 0%% to 100%%", r.name, r.value)
	}
	wrong((p.BurstEnter == 0) != (p.BurstLeave == 0), "burst_enter and burst_leave go together")
	wrong(p.choices() > 1, "probability, every, first and bursts are different choices: give one")
	for _, d := range []struct {
		name  string
		value Duration
	}{
		{"delay", p.Delay},
		{"jitter", p.Jitter},
		{"period", p.Period},
		{"down", p.Down},
		{"after", p.After},
		{"interval", p.Interval},
	} {
		wrong(d.value < 0, "%s %s is negative", d.name, d.value)
	}
	wrong(p.Period > 0 && p.Down >= p.Period, "down %s is not below period %s", p.Down, p.Period)
	wrong(p.Jitter > 0 && p.Jitter > p.Delay, "jitter %s is above delay %s", p.Jitter, p.Delay)
	for _, n := range []struct {
		name          string
		value, lo, hi int
	}{
		{"every", p.Every, 1, 1 << 30},
		{"first", p.First, 1, 1 << 30},
		{"count", p.Count, 1, 1 << 30},
		{"size", p.Size, 1, 1 << 40},
		{"rate", p.Rate, 1, 1 << 40},
		{"percent", p.Percent, 1, 100},
		{"priority", p.Priority, 0, 255},
		{"vrid", p.VRID, 1, 255},
		{"version", p.Version, 1, 15},
		{"ttl", p.TTL, 1, 255},
	} {
		wrong(n.value != 0 && (n.value < n.lo || n.value > n.hi), "%s %d is not from %d to %d", n.name, n.value, n.lo, n.hi)
	}
	return all
}

func (p Parameters) choices() int {
	n := 0
	for _, chosen := range []bool{p.Probability != 0, p.Every != 0, p.First != 0, p.BurstEnter != 0 || p.BurstLeave != 0} {
		if chosen {
			n++
		}
	}
	return n
}

func isProtocol(name string) bool {
	transport, port, ok := strings.Cut(name, ":")
	if !ok {
		return slices.Contains(Protocols(), name)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return (transport == "tcp" || transport == "udp") && err == nil && number > 0
}

// names are the parameters' names, by the fields' index.
var names = func() []string {
	var all []string
	for field := range reflect.TypeFor[Parameters]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		all = append(all, name)
	}
	return all
}()

// given are the names of the parameters that are set.
func (p Parameters) given() []string {
	var set []string
	for i, name := range names {
		if !reflect.ValueOf(p).Field(i).IsZero() {
			set = append(set, name)
		}
	}
	return set
}

// settings are the parameters as KEY=VALUE.
func (p Parameters) settings() []string {
	var all []string
	for i, name := range names {
		value := reflect.ValueOf(p).Field(i)
		if value.IsZero() {
			continue
		}
		text := fmt.Sprint(value.Interface())
		if groups, ok := reflect.TypeAssert[[][]string](value); ok {
			text = joinGroups(groups)
		}
		all = append(all, name+"="+text)
	}
	return all
}

// Groups are written a,b|c,d.
func joinGroups(groups [][]string) string {
	var all []string
	for _, group := range groups {
		all = append(all, strings.Join(group, ","))
	}
	return strings.Join(all, "|")
}

// set reads one KEY=VALUE.
func (p *Parameters) set(setting string) error {
	name, text, ok := strings.Cut(setting, "=")
	if !ok || text == "" {
		return fmt.Errorf("%q is not KEY=VALUE", setting)
	}
	i := slices.Index(names, name)
	if i < 0 {
		return fmt.Errorf("unknown parameter %q; there are %s", name, strings.Join(names, ", "))
	}
	field := reflect.ValueOf(p).Elem().Field(i)
	if reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](field.Addr()); ok {
		if err := reader.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	switch field.Kind() { //nolint:exhaustive // the fields are of these
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s: %q is no whole number", name, text)
		}
		field.SetInt(int64(n))
	case reflect.String:
		field.SetString(text)
	default:
		for group := range strings.SplitSeq(text, "|") {
			p.Groups = append(p.Groups, strings.Split(group, ","))
		}
	}
	return nil
}
