package live

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/sandbox"
)

// StandPlan is everything about a Stand. It goes to the sandbox as JSON.
type StandPlan struct {
	Spec topology.Spec
	// Subject is what takes the place of processes of the kind subject: one for
	// all of them, or one each, in the order of the hosts, joined by +.
	Subject  string
	Programs Programs
	Pcap     bool // keep all frames in capture.pcapng
	// Echo has every host with a VRRP daemon run an echo server beside it.
	Echo bool
	Seed uint64 // of what is random in faults
}

// arrangement is a process of the topology with all that is known of it before
// anything is built.
type arrangement struct {
	on      topology.Host
	spec    topology.Process
	name    string // unique in the host
	program string // what its processes are called
	path    string
	args    func(*service) []string
	// configFile is where the program finds what config returns; empty: it reads
	// nothing.
	configFile string
	config     func(*service) string

	subject  *subject // nil: it is no VRRP daemon
	programs Programs
	cluster  Cluster // of a daemon: its first virtual router
	seat     Seat
}

// isDaemon says that it is a VRRP daemon.
func (a arrangement) isDaemon() bool { return a.subject != nil }

// isWeb says that it is a web server.
func (a arrangement) isWeb() bool { return a.spec.Kind == topology.ProcessNginx }

// Validate says whether the plan can be carried out at all: whether the
// topology is sound, its virtual routers can be where they are, and all
// programs are there. All that is wrong is told, joined.
func (p StandPlan) Validate() error {
	_, _, err := p.arrange()
	return err
}

// arrange reads the plan.
func (p StandPlan) arrange() ([]arrangement, []Cluster, error) {
	if err := p.Spec.Validate(); err != nil {
		return nil, nil, err
	}
	clusters, err := ReadTopology(p.Spec)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := seatSubjects(p.Subject, p.seats())
	if err != nil {
		return nil, nil, err
	}
	var (
		all  []arrangement
		errs []error
	)
	for _, host := range p.Spec.Hosts {
		names := map[string]bool{}
		for _, spec := range host.Processes {
			a := arrangement{on: host, spec: spec, name: spec.Name, programs: p.Programs}
			a.cluster, a.seat = seatOn(clusters, host.Name)
			if spec.Kind == topology.ProcessSubject {
				a.subject = &chosen[0]
				chosen = chosen[1:]
			}
			err := a.complete()
			if err == nil && names[a.name] {
				err = errors.New("there are two of that name")
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("host %s: process %s: %w", host.Name, a.name, err))
			}
			names[a.name] = true
			all = append(all, a)
		}
		if p.Echo && slices.ContainsFunc(all, func(a arrangement) bool { return a.on.Name == host.Name && a.isDaemon() }) {
			all = append(all, echoOn(host))
		}
	}
	return all, clusters, errors.Join(errs...)
}

// seats is how many processes are subjects.
func (p StandPlan) seats() int {
	n := 0
	for _, host := range p.Spec.Hosts {
		for _, process := range host.Processes {
			if process.Kind == topology.ProcessSubject {
				n++
			}
		}
	}
	return n
}

// seatOn is the first virtual router that has a seat on the host.
func seatOn(clusters []Cluster, host string) (Cluster, Seat) {
	for _, c := range clusters {
		for _, seat := range c.Seats {
			if seat.Name == host {
				return c, seat
			}
		}
	}
	return Cluster{}, Seat{}
}

// complete says by the kind which program it is and how that is started.
func (a *arrangement) complete() error {
	switch a.spec.Kind {
	case topology.ProcessSubject:
		if a.name == string(topology.ProcessSubject) {
			a.name = a.subject.name
		}
		return a.completeDaemon()
	case topology.ProcessVIPD, topology.ProcessKeepalived, topology.ProcessFRR:
		s, err := subjectNamed(string(a.spec.Kind))
		if err != nil {
			return err
		}
		a.subject = &s
		if s.name == frrName { // in its own language
			a.subject.args = func(v *service) []string { return frrCommand(v, frrDevices(v.spec.Config)...) }
			a.subject.config = func(v *service) string { return v.spec.Config }
		}
		return a.completeDaemon()
	case topology.ProcessNginx:
		return a.completeWeb()
	case topology.ProcessCommand:
		return a.completeCommand()
	default:
		return fmt.Errorf("unknown kind %q; there are %v", a.spec.Kind, topology.ProcessKinds())
	}
}

func (a *arrangement) completeDaemon() error {
	a.program, a.path, a.args = a.subject.process, a.subject.path(a.programs), a.subject.args
	a.configFile, a.config = "keepalived.conf", func(v *service) string { return v.spec.Config }
	if a.subject.config != nil {
		a.configFile, a.config = a.subject.name+".conf", a.subject.config
	}
	if a.spec.Kind == topology.ProcessSubject && a.subject.name == frrName {
		if err := checkFRR(a.cluster, []subject{*a.subject}); err != nil {
			return err
		}
	}
	return a.subject.check(a.programs)
}

// completeWeb arranges Nginx, or the stand-in where it is missing and the
// topology says nothing of what it is to do.
func (a *arrangement) completeWeb() error {
	a.program, a.path = "nginx", a.programs.Nginx
	if a.path == "" {
		if a.spec.Config != "" {
			return fmt.Errorf("nginx: %w (apt install nginx-light)", ErrNotInstalled)
		}
		a.program = webRole
		a.path, _ = sandbox.RoleCommand(webRole)
		a.args = func(v *service) []string {
			_, args := sandbox.RoleCommand(webRole, answerOf(v.on))
			return args
		}
		return nil
	}
	a.configFile, a.config = a.name+".conf", nginxConfig
	a.args = func(v *service) []string {
		args := []string{"nginx", "-e", "stderr", "-p", v.files.directory, "-c", v.files.config}
		if v.spec.Config != "" && !strings.Contains(v.spec.Config, "daemon off;") {
			args = append(args, "-g", "daemon off;")
		}
		return args
	}
	return nil
}

func (a *arrangement) completeCommand() error {
	a.program = filepath.Base(a.spec.Command[0])
	a.args = func(v *service) []string { return v.spec.Command }
	own := func(f topology.File) bool { return f.Path == a.spec.Command[0] }
	if slices.ContainsFunc(a.on.Files, own) {
		a.path = a.spec.Command[0]
		return nil
	}
	if a.path = find(a.spec.Command[0]); a.path == "" {
		return fmt.Errorf("%s: %w (neither in PATH nor among the host's files)", a.spec.Command[0], ErrNotInstalled)
	}
	return nil
}

// owns matches every process of the service.
func (v *service) owns(info sandbox.Info) bool {
	if v.spec.Kind != topology.ProcessCommand {
		return info.Name == v.program
	}
	// A script's processes are called like its interpreter; but they are all in
	// the session that the first one began.
	process := v.running()
	if process == nil {
		return false
	}
	session, err := unix.Getsid(info.PID)
	return err == nil && session == process.PID
}
