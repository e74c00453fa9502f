package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"takeover/topology/sandbox"
)

// Finding is what became of one attempt.
type Finding struct {
	Name string `json:"name"`
	// For says what it is needed for.
	For string `json:"for"`
	// Required says that no lab can be built without it.
	Required bool `json:"required"`
	Works    bool `json:"works"`
	// Problem says why it does not work, Remedy what to do about it.
	Problem string `json:"problem,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

const doctorRole = "doctor"

// Roles returns the part that the program plays in a process of its own, for
// sandbox.Main.
func Roles() map[string]sandbox.Role {
	return map[string]sandbox.Role{doctorRole: runInside}
}

// bound is how long all attempts may take.
const bound = 30 * time.Second

// Examine tries everything. The first finding is the sandbox itself; without it
// there are no others.
func Examine(ctx context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	directory, err := os.MkdirTemp("", "takeover-doctor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // best effort
	first := Finding{Name: "namespaces", For: "every lab", Required: true, Works: true}
	var out, words bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{Role: doctorRole, Dir: directory, Output: &out, Errors: &words})
	if err == nil {
		if err = box.Wait(ctx); err != nil {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(words.Bytes()))
		}
	}
	if err != nil {
		first.Works, first.Problem = false, err.Error()
		if errors.Is(err, sandbox.ErrNoPermission) {
			first.Remedy = "run as root, or allow user namespaces"
		}
		return []Finding{first}, nil
	}
	var findings []Finding
	if err := json.Unmarshal(out.Bytes(), &findings); err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	return append([]Finding{first}, findings...), nil
}

// runInside is process 1 of the sandbox: it tries one thing after another.
func runInside(args []string) error {
	if _, _, err := sandbox.Enter(args); err != nil {
		return err
	}
	findings := []Finding{}
	for _, a := range attempts {
		finding := Finding{Name: a.name, For: a.purpose, Required: a.required, Works: true}
		if err := a.try(); err != nil {
			finding.Works, finding.Problem, finding.Remedy = false, err.Error(), a.remedy
		}
		findings = append(findings, finding)
	}
	return json.NewEncoder(os.Stdout).Encode(findings)
}
