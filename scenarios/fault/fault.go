package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one disturbance: its kind, and the parameters that the kind takes.
// New makes one that is whole; Of makes one of a kind that needs none.
type Fault struct {
	Kind       Kind `json:"fault"`
	Parameters `yaml:",inline"`
}

// Of is the fault of a kind with its defaults. The kind must be one that
// requires no parameter.
func Of(kind Kind) Fault {
	f, err := New(kind, Parameters{})
	if err != nil {
		panic(err)
	}
	return f
}

// New returns a fault with the kind's defaults where p says nothing. It is an
// error when the kind is unknown, does not take a parameter that is set, lacks
// one that it requires, or when a number is impossible.
func New(kind Kind, p Parameters) (Fault, error) {
	d, known := kinds[kind]
	if !known {
		return Fault{}, fmt.Errorf("unknown fault %q; there are %s", kind, strings.Join(Names(), ", "))
	}
	if err := p.check(kind, d); err != nil {
		return Fault{}, err
	}
	if d.defaults != nil {
		d.defaults(&p)
	}
	return Fault{Kind: kind, Parameters: p}, nil
}

// Named returns the fault of that name with its defaults.
func Named(name string) (Fault, error) { return New(Kind(name), Parameters{}) }

// Parse reads a fault as the command line has it: its name, and its parameters
// as KEY=VALUE.
func Parse(name string, settings ...string) (Fault, error) {
	var p Parameters
	for _, setting := range settings {
		if err := p.set(setting); err != nil {
			return Fault{}, fmt.Errorf("fault %s: %w", name, err)
		}
	}
	return New(Kind(name), p)
}

// Name is what the command line and reports call it.
func (f Fault) Name() string { return string(f.Kind) }

// Summary says in a few words what happens.
func (f Fault) Summary() string { return kinds[f.Kind].summary }

// Undo says in a few words what heals it.
func (f Fault) Undo() string { return kinds[f.Kind].undo }

// Family is the kind's.
func (f Fault) Family() Family { return kinds[f.Kind].family }

// Needs are the capabilities without which it can't be injected.
func (f Fault) Needs() []Capability { return kinds[f.Kind].needs }

// String is the fault as Parse reads it.
func (f Fault) String() string {
	return strings.Join(append([]string{f.Name()}, f.settings()...), " ")
}

// Drill returns the five that a drill injects when it is asked for none.
func Drill() []Fault {
	return []Fault{Of(NginxKilled), Of(AdvertsDropped), Of(LinkLoss), Of(DaemonStopped), Of(DaemonKilled)}
}

// Drillable returns those that a drill can inject: single blows to the Active,
// with a verdict that the RFC justifies.
func Drillable() []Fault {
	return append(Drill(), Of(WorkerKilled), Of(GuardianKilled), Of(DaemonPaused))
}

// DrillNamed returns the fault of a drill of that name.
func DrillNamed(name string) (Fault, error) {
	var known []string
	for _, f := range Drillable() {
		if f.Name() == name {
			return f, nil
		}
		known = append(known, f.Name())
	}
	return Fault{}, fmt.Errorf("unknown fault %q; there are %s", name, strings.Join(known, ", "))
}

// Kinds returns every kind, in the order of the families.
func Kinds() []Kind { return slices.Clone(order) }

// Names returns the names of all kinds.
func Names() []string {
	var names []string
	for _, kind := range order {
		names = append(names, string(kind))
	}
	return names
}

// Requires are the parameters without which there is no fault of the kind.
func (k Kind) Requires() []string { return slices.Clone(kinds[k].requires) }

// Takes are the parameters that a fault of the kind may have, those that it
// requires first.
func (k Kind) Takes() []string { return append(k.Requires(), kinds[k].takes...) }
