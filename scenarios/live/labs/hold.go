package labs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/topology/sandbox"
)

// holdRole is the process that holds a lab in the background.
const holdRole = "hold"

// Roles returns the parts that this program plays in processes of its own, for
// sandbox.Main, those of package live among them.
func Roles() map[string]sandbox.Role {
	roles := live.Roles()
	roles[holdRole] = runHolder
	return roles
}

// Order is what a holder is to hold.
type Order struct {
	Plan     live.StandPlan
	Takeover string // the program's version, for the Record
}

// Hold builds the lab and holds it until ctx ends, in this process. progress is
// called as live.StartLab does. When it returns, nothing of the lab is left; the
// directory is, where the lab ended by itself.
func (c *Claim) Hold(ctx context.Context, o Order, progress func(live.Progress)) error {
	record := Record{
		Format: 1, Topology: o.Plan.Spec.Name, Subject: o.Plan.Subject, Hosts: len(o.Plan.Spec.Hosts),
		Started: time.Now().UTC(), Takeover: o.Takeover, Holder: os.Getpid(),
	}
	if err := c.write(record); err != nil {
		return err
	}
	settled := false
	trial, err := live.StartLab(o.Plan, c.Directory, func(p live.Progress) {
		settled = settled || p.Phase == history.PhaseSettled
		progress(p)
	})
	if err != nil {
		return errors.Join(err, c.Remove())
	}
	record.Sandbox = trial.PID()
	err = c.write(record)
	if err == nil {
		err = trial.Wait(ctx)
	}
	trial.End()
	switch {
	case ctx.Err() != nil: // as it was told
		return c.Remove()
	case settled:
		return errors.Join(err, c.Release())
	default:
		return errors.Join(c.explain(err), c.Remove())
	}
}

// explain adds the harness's last words to an error of its own.
func (c *Claim) explain(err error) error {
	if !errors.Is(err, live.ErrBroken) {
		return err
	}
	text, _ := os.ReadFile(filepath.Join(c.Directory, live.HarnessLog))
	if words := strings.TrimSpace(string(text)); words != "" {
		return fmt.Errorf("%w\n%s", err, words)
	}
	return err
}

func (c *Claim) write(r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.Directory, recordFile)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// What the holder finds open beside its standard files.
const (
	lockFD = 3 // the claim
	talkFD = 4 // to whoever started it
)

// word is what a holder says to whoever started it: progress, or its end.
type word struct {
	Progress live.Progress `json:"progress"`
	// Error ends the holder. Broken is live.ErrBroken, Permission
	// sandbox.ErrNoPermission.
	Error      string `json:"error,omitempty"`
	Broken     bool   `json:"broken,omitempty"`
	Permission bool   `json:"permission,omitempty"`
}

// Detach builds the lab in a process in the background, which the claim passes
// to, and returns when it has settled. When ctx ends before that, or this
// process does, the lab is taken down. progress is called for each phase.
func (c *Claim) Detach(ctx context.Context, o Order, progress func(live.Progress)) error {
	order, err := json.Marshal(o)
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	log, err := os.Create(filepath.Join(c.Directory, holderLog))
	if err != nil {
		return errors.Join(err, theirs.Close())
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return errors.Join(err, theirs.Close(), log.Close())
	}
	path, argv := sandbox.RoleCommand(holdRole, c.Directory)
	process, err := os.StartProcess(path, argv, &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{null, log, log, c.lock, theirs},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	err = errors.Join(err, null.Close(), log.Close(), theirs.Close())
	if err != nil {
		return errors.Join(err, c.Remove())
	}
	_ = c.lock.Close()                                                         // it is the holder's now
	stop := context.AfterFunc(ctx, func() { process.Signal(syscall.SIGTERM) }) //nolint:errcheck // it ended already
	defer stop()
	err = converse(ours, order, progress)
	if err == nil {
		return process.Release()
	}
	_, waitErr := process.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, waitErr)
}

// converse gives the order and listens until the lab has settled, and says then
// that this was heard.
func converse(talk *os.File, order []byte, progress func(live.Progress)) error {
	if _, err := talk.Write(append(order, '\n')); err != nil {
		return fmt.Errorf("give the holder its order: %w", err)
	}
	words := json.NewDecoder(talk)
	for {
		var w word
		if err := words.Decode(&w); err != nil {
			return fmt.Errorf("%w: its holder ended early: see %s in its directory", live.ErrBroken, holderLog)
		}
		if w.Error != "" {
			return w.err()
		}
		progress(w.Progress)
		if w.Progress.Phase == history.PhaseSettled {
			_, err := talk.Write([]byte("\n"))
			return err
		}
	}
}

func (w word) err() error {
	switch {
	case w.Permission:
		return fmt.Errorf("%w: %s", sandbox.ErrNoPermission, strings.TrimPrefix(w.Error, sandbox.ErrNoPermission.Error()+": "))
	case w.Broken:
		return fmt.Errorf("%w: %s", live.ErrBroken, strings.TrimPrefix(w.Error, live.ErrBroken.Error()+": "))
	default:
		return fmt.Errorf("%w: %s", live.ErrFailed, strings.TrimPrefix(w.Error, live.ErrFailed.Error()+": "))
	}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "holder"), os.NewFile(uintptr(fds[1]), "starter"), nil
}

// runHolder is the process in the background.
func runHolder(args []string) error {
	if len(args) != 1 {
		return errors.New("a holder takes its directory")
	}
	syscall.CloseOnExec(lockFD)
	syscall.CloseOnExec(talkFD)
	c := &Claim{Directory: args[0], lock: os.NewFile(lockFD, lockFile)}
	talk := os.NewFile(talkFD, "starter")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)

	listen := json.NewDecoder(talk)
	var order Order
	if err := listen.Decode(&order); err != nil {
		return errors.Join(fmt.Errorf("read the order: %w", err), c.Remove())
	}
	rest := io.MultiReader(listen.Buffered(), talk)
	go func() {
		if !heard(rest) {
			cancel() // whoever wanted the lab is gone before it was there
		}
	}()
	speak := json.NewEncoder(talk)
	err := c.Hold(ctx, order, func(p live.Progress) {
		if p.Phase != "" {
			speak.Encode(word{Progress: p}) //nolint:errcheck // nobody listens any more
		}
	})
	if err != nil {
		speak.Encode(word{ //nolint:errcheck // nobody listens any more
			Error: err.Error(), Broken: errors.Is(err, live.ErrBroken), Permission: errors.Is(err, sandbox.ErrNoPermission),
		})
	}
	return err
}

// heard waits for the sign that the starter heard of the settled lab: an empty
// line behind that of the order.
func heard(r io.Reader) bool {
	line := make([]byte, 1)
	for ends := 0; ends < 2; {
		n, err := r.Read(line)
		if n == 1 && line[0] == '\n' {
			ends++
		}
		if err != nil && ends < 2 {
			return false
		}
	}
	return true
}
