package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/live"
)

// manifest says what a run was made of, so that it can be made again.
type manifest struct {
	Format      int               `json:"format"` // now 1
	Started     time.Time         `json:"started"`
	CommandLine []string          `json:"command_line"`
	Seed        uint64            `json:"seed"`
	Takeover    string            `json:"takeover"`
	Programs    map[string]string `json:"programs"` // version lines by name
	Kernel      string            `json:"kernel"`
	Processors  int               `json:"processors"`
	Root        bool              `json:"root"` // otherwise in a user namespace
	Files       []string          `json:"files"`
	Trials      []string          `json:"trials"` // their directories
}

const manifestFile = "manifest.json"

func newManifest(c live.Campaign, started time.Time) manifest {
	m := manifestOf(c.Programs, c.Subjects, c.Seed, started)
	for _, seat := range c.Cluster.Seats {
		m.Files = append(m.Files, seat.File)
	}
	for _, entry := range c.Entries() {
		m.Trials = append(m.Trials, entry.Name)
	}
	return m
}

// manifestOf is what does not depend on the trials.
func manifestOf(programs live.Programs, subjects []string, seed uint64, started time.Time) manifest {
	m := manifest{
		Format: 1, Started: started.UTC(), CommandLine: os.Args, Seed: seed,
		Takeover: version + " " + runtime.Version(), Programs: map[string]string{},
		Kernel: kernel(), Processors: runtime.NumCPU(), Root: os.Geteuid() == 0,
	}
	for _, subject := range subjects {
		m.Programs[subject] = live.VersionLine(map[string]string{
			"vipd": programs.VIPD, "keepalived": programs.Keepalived,
		}[subject], "--version")
	}
	m.Programs["nginx"] = live.VersionLine(programs.Nginx, "-v")
	return m
}

func (m manifest) write(directory string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, manifestFile), append(data, '\n'), 0o644)
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	field := func(b []byte) string { return string(b[:max(0, bytes.IndexByte(b, 0))]) }
	return field(name.Sysname[:]) + " " + field(name.Release[:]) + " " + field(name.Machine[:])
}
