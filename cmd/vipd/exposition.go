package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"takeover/daemon/control"
)

// family is one metric of all that have it.
type family struct {
	name, kind, help string
	samples          []sample
}

type sample struct {
	labels []string // a name and a value each
	value  float64
}

// exposition gathers families in the order in which they are first named.
type exposition struct {
	families []*family
	byName   map[string]*family
}

func (e *exposition) add(name, kind, help string, value float64, labels ...string) {
	f := e.byName[name]
	if f == nil {
		f = &family{name: name, kind: kind, help: help}
		e.byName[name] = f
		e.families = append(e.families, f)
	}
	f.samples = append(f.samples, sample{labels: labels, value: value})
}

func (e *exposition) gauge(name, help string, value float64, labels ...string) {
	e.add(name, "gauge", help, value, labels...)
}

func (e *exposition) counter(name, help string, value uint64, labels ...string) {
	e.add(name+"_total", "counter", help, float64(value), labels...)
}

func asNumber(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func asSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// writeMetrics writes a status in the text format of Prometheus; nil: that the
// daemon is down.
func writeMetrics(w io.Writer, s *control.Status) error {
	e := &exposition{byName: make(map[string]*family)}
	e.gauge("vipd_up", "Whether vipd answers.", asNumber(s != nil))
	if s != nil {
		e.daemon(s)
		for n := range s.Instances {
			e.instance(&s.Instances[n])
		}
	}
	return e.write(w)
}

func (e *exposition) daemon(s *control.Status) {
	e.gauge("vipd_info", "What runs.", 1, "program", s.Program)
	e.gauge("vipd_start_time_seconds", "When the worker was started.", asSeconds(s.StartedAt))
	e.gauge("vipd_configuration_load_time_seconds", "When the configuration was read last.", asSeconds(s.LoadedAt))
	e.gauge("vipd_restarts", "How often a guardian started the worker anew.", float64(s.Restarts))
	e.gauge("vipd_guardian_up", "Whether there is a guardian.", asNumber(s.Guardian.PID != 0))
	e.counter("vipd_log_lines_lost", "Lines of the log that could not be written.", s.LogLost)
	e.counter("vipd_events_lost", "Events that came faster than they were taken.", s.EventsLost)
	e.counter("vipd_control_clients_dropped", "Control clients that did not read.", s.ClientsDropped)
	for _, t := range s.Trackers {
		e.gauge("vipd_tracker_up", "Whether what is tracked is up.", asNumber(t.State == "up"), "tracker", t.Name)
	}
	for _, b := range s.Sessions {
		e.gauge("vipd_bfd_session_up", "Whether the BFD session is up.", asNumber(b.Up), "session", b.Name)
	}
}

func (e *exposition) instance(i *control.Instance) {
	of := []string{"instance", i.Name, "interface", i.Interface, "vrid", strconv.Itoa(int(i.VRID))}
	with := func(more ...string) []string { return slices.Concat(of, more) }
	for _, state := range []string{"Initialize", "Backup", "Active"} {
		e.gauge("vipd_instance_state", "The state that is 1 is the virtual router's.",
			asNumber(i.State == state), with("state", state)...)
	}
	e.gauge("vipd_instance_state_since_seconds", "When it took its state.", asSeconds(i.Since), of...)
	e.gauge("vipd_instance_priority", "The priority with all weights.", float64(i.Priority), of...)
	e.gauge("vipd_instance_configured_priority", "The priority without weights.", float64(i.ConfiguredPriority), of...)
	set := 0
	for _, a := range i.Addresses {
		set += int(asNumber(a.Set))
	}
	e.gauge("vipd_instance_addresses", "Virtual addresses.", float64(len(i.Addresses)), of...)
	e.gauge("vipd_instance_addresses_set", "Virtual addresses that are set.", float64(set), of...)
	e.counter("vipd_instance_transitions", "Changes of the state.", i.Transitions, of...)
	e.counter("vipd_instance_became_active", "Changes to Active.", i.BecameActive, of...)
	e.counter("vipd_instance_advertisements_sent", "Advertisements sent.", i.Sent, of...)
	e.counter("vipd_instance_advertisements_received", "Advertisements received that could be read.", i.Received, of...)
	e.counter("vipd_instance_priority_zero_sent", "Advertisements of priority 0 sent.", i.PriorityZeroSent, of...)
	e.counter("vipd_instance_priority_zero_received", "Advertisements of priority 0 received.", i.PriorityZeroReceived, of...)
	for _, reason := range slices.Sorted(maps.Keys(i.Refused)) {
		e.counter("vipd_instance_advertisements_refused", "Advertisements refused.", i.Refused[reason], with("reason", reason)...)
	}
}

// labelEscapes are those of a label's value.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (e *exposition) write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, f := range e.families {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, s := range f.samples {
			labels := ""
			for n := 0; n < len(s.labels); n += 2 {
				separator := ","
				if n == 0 {
					separator = "{"
				}
				labels += fmt.Sprintf(`%s%s="%s"`, separator, s.labels[n], labelEscapes.Replace(s.labels[n+1]))
			}
			if labels != "" {
				labels += "}"
			}
			fmt.Fprintf(b, "%s%s %s\n", f.name, labels, strconv.FormatFloat(s.value, 'g', -1, 64))
		}
	}
	return b.Flush()
}
