package suite_test

import (
	"context"
	"flag"
	"fmt"
	"os"
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

var _ = Describe("the catalogue", Label("catalogue"), Ordered, ContinueOnFailure, func() {
	var programs live.Programs

	BeforeAll(func(ctx SpecContext) {
		vipd := filepath.Join(GinkgoT().TempDir(), "vipd")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", vipd, "takeover/cmd/vipd").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		programs, err = live.FindPrograms(vipd, "")
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(3*time.Minute))

	// The flag is read when the specs run, not when they are made.
	It("holds", func(ctx SpecContext) {
		played := map[string]chan history.Judgement{}
		free := make(chan struct{}, interopParallel)
		for _, name := range catalogueNames() {
			s, err := catalog.Scene(name)
			Expect(err).NotTo(HaveOccurred())
			for _, subject := range s.Subjects {
				if err := live.CheckSubject(subject, programs); err != nil {
					AddReportEntry("skipped", fmt.Sprintf("%s with %s: %v", name, subject, err))
					continue
				}
				spec, err := file.OpenShipped(s.Topology)
				Expect(err).NotTo(HaveOccurred())
				plan := live.ScenePlan{
					Scene: s, Seed: uint64(GinkgoRandomSeed()),
					Stand: live.StandPlan{Spec: spec, Subject: subject, Programs: programs},
				}
				judgement := make(chan history.Judgement, 1)
				played[name+" with "+subject] = judgement
				directory := filepath.Join(GinkgoT().TempDir(), name+"-"+subject)
				go func() {
					free <- struct{}{}
					defer func() { <-free }()
					judgement <- playScene(ctx, plan, directory)
				}()
			}
		}
		for name, judgement := range played {
			got := <-judgement
			if got.Verdict == history.Inconclusive {
				AddReportEntry("inconclusive", fmt.Sprintf("%s: %v", name, got.Findings))
				continue
			}
			Expect(got.Findings).To(BeEmpty(), name)
		}
	}, SpecTimeout(30*time.Minute))
})

// playScene plays the plan until the verdict is conclusive, a few times at most.
func playScene(ctx context.Context, plan live.ScenePlan, directory string) (judgement history.Judgement) {
	ctx, cancel := context.WithTimeout(ctx, sceneAttempts*sceneBound)
	defer cancel()
	for attempt := range sceneAttempts {
		events, err := sceneEvents(ctx, plan, fmt.Sprintf("%s-%d", directory, attempt))
		if err != nil {
			return history.Judgement{
				Verdict: history.Fail, Findings: []history.Finding{{Check: "completeness", Verdict: history.Fail, Text: err.Error()}},
			}
		}
		if judgement = scene.Judge(plan.Scene, "", events); judgement.Verdict != history.Inconclusive {
			break
		}
	}
	return judgement
}

func sceneEvents(ctx context.Context, plan live.ScenePlan, directory string) ([]history.Event, error) {
	trial, err := live.StartScene(plan, directory, func(live.Progress) {})
	if err != nil {
		return nil, err
	}
	err = trial.Wait(ctx)
	trial.End()
	if err != nil {
		return nil, err
	}
	stored, err := os.Open(filepath.Join(directory, live.HistoryFile))
	if err != nil {
		return nil, err
	}
	defer stored.Close()
	return history.Read(stored)
}
