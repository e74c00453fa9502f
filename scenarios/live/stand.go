package live

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology/impair"
	"takeover/topology/lab"
)

// Stand is a topology that stands in the sandbox that it runs in: its hosts
// with all their processes, and everything that is watched from outside. It
// asks nothing of the hosts by itself.
type Stand struct {
	plan     StandPlan
	begun    time.Time // of a lab: wall clock at its origin
	clusters []Cluster // none: a topology without virtual routers
	clock    probe.Clock
	log      *history.Log
	lab      *lab.Lab
	drops    *impair.Tree
	services []*service
	picture  *picture

	striking  sync.Mutex        // held by what injects and heals
	forces    []Force           // in force
	lastForce int               // its ID
	relays    map[string]*relay // by the port

	observers []*probe.Watch
	closers   []func() error

	mu      sync.Mutex
	settled bool  // from then on a process may end without failing the trial
	closing bool  // whatever ends now is our doing
	broken  error // what ended the trial's meaning
	wake    chan struct{}
}

// newStand builds the lab; observe and start follow. Close takes down what
// stands, also after an error.
func newStand(plan StandPlan, clock probe.Clock, log *history.Log) (*Stand, error) {
	s := &Stand{plan: plan, clock: clock, log: log, picture: newPicture(log), relays: map[string]*relay{}, wake: make(chan struct{}, 1)}
	arranged, clusters, err := plan.arrange()
	if err != nil {
		return s, err
	}
	s.clusters = clusters
	if s.lab, err = lab.Up(plan.Spec); err != nil {
		return s, err
	}
	for _, a := range arranged {
		v, err := newService(a, s.lab.Host(a.on.Name))
		if err != nil {
			return s, err
		}
		s.services = append(s.services, v)
	}
	s.drops, err = impair.Install(s.lab.Switch())
	return s, err
}

// startsAtATime bounds how many processes are being started.
const startsAtATime = 8

// start starts all hosts at the same time, as after a power cut: the first
// process of each, then the second of each, and so on.
func (s *Stand) start() error {
	ranks := map[string]int{}
	var rounds [][]*service
	for _, v := range s.services {
		rank := ranks[v.on.Name]
		ranks[v.on.Name]++
		if rank == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[rank] = append(rounds[rank], v)
	}
	for _, round := range rounds {
		var starting errgroup.Group
		starting.SetLimit(startsAtATime)
		for _, v := range round {
			starting.Go(func() error { return v.start(s) })
		}
		if err := starting.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// daemon is the VRRP daemon of a host; nil when it has none.
func (s *Stand) daemon(host string) *service {
	return s.find(func(v *service) bool { return v.on.Name == host && v.isDaemon() })
}

// web is the web server of a host; nil when it has none.
func (s *Stand) web(host string) *service {
	return s.find(func(v *service) bool { return v.on.Name == host && v.isWeb() })
}

func (s *Stand) find(match func(*service) bool) *service {
	for _, v := range s.services {
		if match(v) {
			return v
		}
	}
	return nil
}

func (s *Stand) mac(host string) string { return s.lab.Host(host).Links[0].MAC.String() }

func (s *Stand) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// processEnded ends a trial whose cluster is still settling: a program that
// dies at once will not come back.
func (s *Stand) processEnded(err error) {
	s.mu.Lock()
	settled := s.settled || s.closing
	s.mu.Unlock()
	if !settled { // later the history shows it, and the judge decides
		s.fail(err)
	}
}

// beSettled says that the cluster stands: from now on processes may end.
func (s *Stand) beSettled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
}

// fail ends the trial: what it needs is gone.
func (s *Stand) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = errors.Join(s.broken, err)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Stand) note(format string, args ...any) {
	s.log.Append(s.clock.Now(), "", history.Note{Text: fmt.Sprintf(format, args...)})
}

// mostDiagnosed bounds how many processes' logs are shown.
const mostDiagnosed = 20

// Diagnosis is what a reader should see when the hosts did not do what they
// should: the last lines of the logs.
func (s *Stand) Diagnosis() string {
	var parts []string
	for _, v := range s.services {
		if text := v.diagnosis(); text != "" && len(parts) < mostDiagnosed {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n")
}

// isClosing says that whatever ends now is our doing.
func (s *Stand) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// beClosing says so from now on.
func (s *Stand) beClosing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
}

// Close ends the observers and the lab, in this order.
func (s *Stand) Close() error {
	s.beClosing()
	var errs []error
	for _, observer := range s.observers {
		errs = append(errs, observer.Close())
	}
	for _, r := range s.relays {
		errs = append(errs, r.Remove())
	}
	if s.lab != nil {
		errs = append(errs, s.lab.Down())
	}
	for _, closer := range s.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}
