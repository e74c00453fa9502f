package suite_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"takeover/scenarios/catalog"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/scene"
	"takeover/topology/file"
	"takeover/topology/sandbox"
)

// catalogueAll asks for every scenario that ships; without it there are a few
// short ones.
var catalogueAll = flag.Bool("catalogue", false, "play all scenarios of the catalogue")

func catalogueNames() []string {
	if *catalogueAll {
		return catalog.Scenes()
	}
	return []string{"adverts-dropped-briefly", "backup-lost", "daemon-stopped"}
}

const (
	// sceneBound is how long one trial may take on a busy machine.
	sceneBound = 90 * time.Second
	// sceneAttempts is how often one is played whose verdict is inconclusive.
	sceneAttempts = 3
)

// sceneTrial is a scenario with a subject.
type sceneTrial struct {
	scene   scene.Scene
	subject string
	played  chan sceneOutcome
}

// sceneOutcome is what came of it; why says that it was not played.
type sceneOutcome struct {
	judgement history.Judgement
	why       error
}

func sceneTrials() []*sceneTrial {
	var all []*sceneTrial
	for _, name := range catalogueNames() {
		s, err := catalog.Scene(name)
		if err != nil {
			panic(err) // it ships
		}
		for _, subject := range s.Subjects {
			all = append(all, &sceneTrial{scene: s, subject: subject, played: make(chan sceneOutcome, 1)})
		}
	}
	return all
}

var _ = Describe("the catalogue", Label("catalogue"), Ordered, ContinueOnFailure, func() {
	all := sceneTrials()

	// The trials run some at a time, while the specs wait for theirs.
	BeforeAll(func(ctx SpecContext) {
		directory := GinkgoT().TempDir()
		vipd := filepath.Join(directory, "vipd")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", vipd, "takeover/cmd/vipd").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		programs, err := live.FindPrograms(vipd, "")
		Expect(err).NotTo(HaveOccurred())
		background, cancel := context.WithCancel(context.Background())
		DeferCleanup(cancel)
		seed := uint64(GinkgoRandomSeed())
		go func() {
			free := make(chan struct{}, interopParallel)
			for _, t := range all {
				free <- struct{}{}
				go func() {
					defer func() { <-free }()
					t.played <- t.play(background, programs, seed, directory)
				}()
			}
		}()
	}, NodeTimeout(3*time.Minute))

	for _, t := range all {
		It(t.scene.Name+" with "+t.subject, func(ctx SpecContext) {
			var got sceneOutcome
			Eventually(ctx, t.played).Should(Receive(&got))
			if errors.Is(got.why, live.ErrNotInstalled) || errors.Is(got.why, sandbox.ErrNoPermission) {
				Skip(got.why.Error())
			}
			Expect(got.why).NotTo(HaveOccurred())
			if got.judgement.Verdict == history.Inconclusive {
				Skip(fmt.Sprintf("the machine was too busy: %v", got.judgement.Findings))
			}
			Expect(got.judgement.Findings).To(BeEmpty())
		}, SpecTimeout(50*time.Minute))
	}
})

// play plays it until the verdict is conclusive, a few times at most.
func (t *sceneTrial) play(ctx context.Context, programs live.Programs, seed uint64, directory string) (o sceneOutcome) {
	if o.why = live.CheckSubject(t.subject, programs); o.why != nil {
		return o
	}
	spec, err := file.OpenShipped(t.scene.Topology)
	if err != nil {
		return sceneOutcome{why: err}
	}
	plan := live.ScenePlan{
		Scene: t.scene, Seed: seed, Stand: live.StandPlan{Spec: spec, Subject: t.subject, Programs: programs},
	}
	version := programs.Version(t.subject)
	for attempt := range sceneAttempts {
		own := filepath.Join(directory, fmt.Sprintf("%s-%s-%d", t.scene.Name, t.subject, attempt))
		bounded, cancel := context.WithTimeout(ctx, sceneBound)
		events, err := live.PlayScene(bounded, plan, own, func(live.Progress) {})
		cancel()
		if o.why = err; err != nil {
			continue // it did not settle, or the like
		}
		if o.judgement = scene.Judge(plan.Scene, version, events); o.judgement.Verdict != history.Inconclusive {
			break
		}
	}
	return o
}
