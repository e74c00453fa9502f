package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"takeover/topology/sandbox"
)

// Programs are the programs that a trial runs, by their absolute paths.
type Programs struct {
	VIPD       string
	Keepalived string
	Nginx      string // empty: the stand-in web server of this program
	FRR        string // the directory of zebra and vrrpd
}

// searchPath is where programs are looked for beyond PATH: an ordinary user's
// PATH has no sbin on Debian.
var searchPath = []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"}

// NoNginx is given to FindPrograms for the stand-in web server.
const NoNginx = "none"

// FindPrograms looks for every program, vipd also beside this one. A path that
// is given is taken instead and must be there; nginx may be NoNginx. Programs
// that were looked for and not found stay empty.
func FindPrograms(vipd, nginx string) (p Programs, err error) {
	p.Keepalived = find("keepalived")
	if executable(filepath.Join(frrDirectory, "zebra")) && executable(filepath.Join(frrDirectory, "vrrpd")) {
		p.FRR = frrDirectory
	}
	switch nginx {
	case "":
		p.Nginx = find("nginx")
	case NoNginx:
	default:
		if p.Nginx, err = given("nginx", nginx); err != nil {
			return p, err
		}
	}
	if vipd != "" {
		p.VIPD, err = given("vipd", vipd)
		return p, err
	}
	if own, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(own), "vipd"); executable(beside) {
			p.VIPD = beside
			return p, nil
		}
	}
	p.VIPD = find("vipd")
	return p, nil
}

// given is a program at a path that the user named.
func given(name, path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if !executable(absolute) {
		return "", fmt.Errorf("%s at %s: no such program", name, path)
	}
	return absolute, nil
}

func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		if absolute, err := filepath.Abs(path); err == nil {
			return absolute
		}
	}
	for _, directory := range searchPath {
		if path := filepath.Join(directory, name); executable(path) {
			return path
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// ErrNotInstalled means that a subject's program is not on this machine.
var ErrNotInstalled = errors.New("not installed")

// ErrUnknownSubject means that there is no subject of that name.
var ErrUnknownSubject = errors.New("unknown subject")

// subject is how a daemon under test is run.
type subject struct {
	name    string
	process string // what its processes are called
	hint    string // how to get it
	root    bool   // it does not run in a user namespace
	path    func(Programs) string
	args    func(*service) []string
	// config is what it reads; nil: the seat's own file.
	config func(*service) string
	// virtualMAC is the address that the VIP has with it; nil: the node's own.
	virtualMAC func(Cluster) string
}

var subjects = []subject{
	{
		name: "vipd", process: "vipd", hint: "make build, or --vipd PATH",
		path: func(p Programs) string { return p.VIPD },
		args: func(v *service) []string {
			return []string{"vipd", "-n", "-l", "-D", "--log-format", "json", "-f", v.files.config, "-p", v.files.pid}
		},
	},
	{
		name: "keepalived", process: "keepalived", hint: "apt install keepalived",
		path: func(p Programs) string { return p.Keepalived },
		args: func(v *service) []string {
			pid := v.files.pid
			return []string{"keepalived", "-n", "-l", "-D", "-P", "-f", v.files.config, "-p", pid, "-r", pid + ".vrrp"}
		},
	},
	frr(),
}

// Subjects returns the names of the subjects that read keepalived.conf. Beside
// them there is frr, for one seat of a mixed cluster.
func Subjects() []string {
	var names []string
	for _, s := range subjects {
		if s.config == nil {
			names = append(names, s.name)
		}
	}
	return names
}

func subjectNamed(name string) (subject, error) {
	for _, s := range subjects {
		if s.name == name {
			return s, nil
		}
	}
	return subject{}, fmt.Errorf("%w %q; there are %s, and %s for one node",
		ErrUnknownSubject, name, strings.Join(Subjects(), ", "), frrName)
}

// seatSeparator stands between the subjects of a mixed cluster.
const seatSeparator = "+"

// seatSubjects are the subjects of the seats: one for all of them, or one a
// seat, as in vipd+keepalived+vipd.
func seatSubjects(name string, seats int) ([]subject, error) {
	names := strings.Split(name, seatSeparator)
	if len(names) == 1 {
		names = slices.Repeat(names, seats)
	}
	if len(names) != seats {
		return nil, fmt.Errorf("subject %q: %d for %d nodes; name one, or one a node joined by %s", name, len(names), seats, seatSeparator)
	}
	var chosen []subject
	for _, name := range names {
		s, err := subjectNamed(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// CheckSubject says whether the subject, or each of those joined by +, exists
// and its program is there.
func CheckSubject(name string, p Programs) error {
	for name := range strings.SplitSeq(name, seatSeparator) {
		s, err := subjectNamed(name)
		if err != nil {
			return err
		}
		if err := s.check(p); err != nil {
			return err
		}
	}
	return nil
}

// check says whether the subject can be run here.
func (s subject) check(p Programs) error {
	if s.path(p) == "" {
		return fmt.Errorf("subject %s: %w (%s)", s.name, ErrNotInstalled, s.hint)
	}
	if s.root && os.Geteuid() != 0 {
		return fmt.Errorf("subject %s: %w: it needs root", s.name, sandbox.ErrNoPermission)
	}
	return nil
}
