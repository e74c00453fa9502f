package suite_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"takeover/scenarios/catalog"
	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/suite"
)

// interopAll asks for every cluster. Without it there is a part that covers all
// pairs of what distinguishes them, drawn with ginkgo's random seed.
var interopAll = flag.Bool("interop", false, "run all clusters of the interoperation specs")

// interopParallel is how many of their trials run at a time: their timers are
// short, and the daemons that keep them share the processors.
const interopParallel = 3

var interopPeriods = live.Periods{ICMP: 5 * time.Millisecond, HTTP: 50 * time.Millisecond, Owners: 10 * time.Millisecond}

// mesh is a cluster of three seats with the daemons that talk to each other.
type mesh struct {
	variant  catalog.Variant
	subjects [3]string
}

func (m mesh) subject() string { return strings.Join(m.subjects[:], "+") }

func meshes() []mesh {
	var all []mesh
	for _, variant := range catalog.Variants() {
		for bits := range 8 {
			m := mesh{variant: variant}
			for seat := range m.subjects {
				m.subjects[seat] = []string{"vipd", "keepalived"}[bits>>seat&1]
			}
			all = append(all, m)
		}
	}
	return all
}

// foreign are the meshes with FRR in one seat: multicast, for it has no unicast
// peers, and IPv4.
func foreign() []mesh {
	variant := catalog.Variant{Version: 3}
	return []mesh{
		{variant, [3]string{"frr", "vipd", "keepalived"}},
		{variant, [3]string{"vipd", "frr", "keepalived"}},
		{variant, [3]string{"keepalived", "vipd", "frr"}},
	}
}

// limit is what a daemon cannot do in this mesh under a fault; "" when there is
// nothing.
func (m mesh) limit(fault string) string {
	if m.subjects[0] == "frr" && fault == "adverts-dropped" {
		return "FRR does not announce the VIP again when it hears a lower Active beside it, " +
			"so after a partition the client keeps asking the other node (vrrpd 8.4.4)"
	}
	return ""
}

// deviations are what others are known to do against the RFC, by a rule of
// package conduct.
var deviations = []struct{ subject, rule, reason string }{
	{
		"keepalived", "advert", "keepalived 2.2.7 starts Adver_Timer anew after it has sent its announcements, not with the " +
			"advertisement (RFC 9568 §6.4.2 and §6.4.3): the one after a takeover comes that much later",
	},
}

// deviation is why a finding is known of the daemon in its seat; "" when it is
// not.
func (m mesh) deviation(f history.Finding) string {
	for _, d := range deviations {
		for seat, subject := range m.subjects {
			if f.Check == check.Conduct && f.Rule == d.rule && subject == d.subject && f.Host == nodeName(seat) {
				return d.reason
			}
		}
	}
	return ""
}

// impossible are the combinations that there are no clusters of, and why.
var impossible = []struct{ name, reason string }{
	{"v2-ipv6-multicast", "version 2 is for IPv4 only (RFC 3768); keepalived speaks version 3 wherever the addresses are IPv6"},
	{"v2-ipv6-unicast", "version 2 is for IPv4 only (RFC 3768); keepalived speaks version 3 wherever the addresses are IPv6"},
}

// pair is two of the choices that make up a mesh.
type pair struct{ a, b string }

func (m mesh) pairs() []pair {
	choices := []string{
		"seat 1 " + m.subjects[0], "seat 2 " + m.subjects[1], "seat 3 " + m.subjects[2],
		"family " + m.variant.String()[:len("v3-ipv6")], "mode " + m.variant.String()[len("v3-ipv6-"):],
	}
	var all []pair
	for i, a := range choices {
		for _, b := range choices[i+1:] {
			all = append(all, pair{a, b})
		}
	}
	return all
}

// covering are few meshes in which every pair of choices occurs: of those that
// bring the most new pairs the seed decides.
func covering(all []mesh, seed int64) []mesh {
	all = slices.Clone(all)
	rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	covered := map[pair]bool{}
	fresh := func(m mesh) int {
		return len(slices.DeleteFunc(m.pairs(), func(p pair) bool { return covered[p] }))
	}
	var chosen []mesh
	for {
		best := slices.MaxFunc(all, func(a, b mesh) int { return fresh(a) - fresh(b) })
		if fresh(best) == 0 {
			return chosen
		}
		chosen = append(chosen, best)
		for _, p := range best.pairs() {
			covered[p] = true
		}
	}
}

// The timers of a variant's cluster (RFC 3768 §6.1, RFC 9568 §6.1): node2's
// Skew_Time and the longest Active_Down_Interval of node1 and node2.
func timers(v catalog.Variant) (interval, skew2, down time.Duration) {
	interval = time.Second
	if v.Version == 3 {
		interval = 100 * time.Millisecond
	}
	skew2 = interval * (256 - 200) / 256 // version 2 counts in seconds
	return interval, skew2, 3*interval + skew2
}

// expectations are those of a mesh. Each includes the election of the right
// Active: a cluster that does not settle with it is an error.
func (m mesh) expectations() []expectation {
	_, skew2, down := timers(m.variant)
	variant := m.variant
	of := func(fault string, matchers func(*suite.Result)) expectation {
		return expectation{
			variant:  &variant,
			limit:    m.limit(fault),
			options:  suite.Options{Fault: fault, Subject: m.subject(), Periods: interopPeriods},
			matchers: func(r *suite.Result) { matchers(r); m.speaks(r) },
		}
	}
	return []expectation{
		of("daemon-killed", func(r *suite.Result) {
			Expect(r).To(suite.HaveFailedOverTo("node2"))
			Expect(r).To(suite.HaveFailedOverWithin(m.due(down, 2*down)))
			Expect(r).To(suite.HaveRevertedWithin(down + starting))
		}),
		of("daemon-stopped", func(r *suite.Result) {
			Expect(r).To(suite.HaveFailedOverTo("node2"))
			Expect(r).To(suite.HaveFailedOverWithin(m.due(skew2, down)))
			Expect(r).To(suite.HaveDualActiveWithin(2 * check.HandoverOverlapMax)) // a failover and a reversion
			Expect(r).To(suite.HaveRevertedWithin(down + starting))
		}),
		of("adverts-dropped", func(r *suite.Result) {
			Expect(r).To(suite.HaveFailedOverTo("node2"))
			Expect(r).NotTo(suite.HaveNoDualActive())
			// That one is left after the healing is for the judges. When the client
			// asks it again is not: who heard nobody below it has no need to announce.
		}),
	}
}

// speaks wants every advertisement to be in order and of the variant, and the
// judges to have nothing against the trial.
func (m mesh) speaks(r *suite.Result) {
	GinkgoHelper()
	interval, _, _ := timers(m.variant)
	adverts := history.Select[history.Advert](r.Events)
	Expect(adverts).NotTo(BeEmpty())
	for _, a := range adverts {
		Expect(a.Body.Problem).To(BeEmpty(), "advertisement #%d of %s", a.ID, a.Host)
		Expect(a.Body.Version).To(Equal(m.variant.Version))
		Expect(a.Body.Interval).To(Equal(interval))
		Expect(a.Body.Source.Is6()).To(Equal(m.variant.IPv6))
		Expect(a.Body.Destination.IsMulticast()).NotTo(Equal(m.variant.Unicast))
	}
	for _, finding := range r.Judgement.Findings {
		if finding.Verdict != history.Fail {
			continue
		}
		if why := m.deviation(finding); why != "" {
			AddReportEntry("known deviation: "+why, finding.Text)
			continue
		}
		if finding.Check == check.Timing && !m.isOurs(1) {
			AddReportEntry("not vipd's time", finding.Text)
			continue
		}
		if finding.Check != check.Conduct && m.isOthers(finding.Host) {
			AddReportEntry("not vipd's silence", finding.Text)
			continue
		}
		Fail(finding.Check + ": " + finding.Text)
	}
}

// isOurs reports whether vipd sits there.
func (m mesh) isOurs(seat int) bool { return m.subjects[seat] == "vipd" }

// isOthers reports whether that host has a seat, and another daemon than vipd
// sits there.
func (m mesh) isOthers(host string) bool {
	return slices.ContainsFunc([]int{0, 1, 2}, func(seat int) bool {
		return host == nodeName(seat) && !m.isOurs(seat)
	})
}

func nodeName(seat int) string { return fmt.Sprintf("node%d", seat+1) }

// due is when node2 must have taken over. How fast others are beyond the timer
// is for the drill to show: of them it is asked that the right timer ran, and
// not the next longer one.
func (m mesh) due(timer, next time.Duration) time.Duration {
	if m.isOurs(1) {
		return timer + check.AnswerMargin
	}
	return max(timer+check.AnswerMargin, next)
}

// clusterOf reads a variant's files.
func clusterOf(v catalog.Variant) (live.Cluster, error) {
	var sources []live.Source
	for _, file := range v.Files() {
		sources = append(sources, live.Source{Name: v.String() + "/" + file.Name, Text: file.Text})
	}
	return live.ReadCluster(sources)
}

var _ = Describe("daemons of both kinds in one cluster", Label("interop"), Ordered, ContinueOnFailure, func() {
	chosen := meshes()
	if !*interopAll {
		chosen = covering(chosen, GinkgoRandomSeed())
	}
	var all []expectation
	for _, m := range append(chosen, foreign()...) {
		all = append(all, m.expectations()...)
	}
	possible := slices.DeleteFunc(slices.Clone(all), func(e expectation) bool { return e.limit != "" })
	var running *trials

	BeforeAll(func(ctx SpecContext) {
		running = startTrials(ctx, interopParallel, possible)
	}, NodeTimeout(3*time.Minute))

	for _, e := range all {
		labels := Label(e.variant.String(), e.options.Fault, e.options.Subject)
		It(e.variant.String()+" with "+e.options.Subject+": "+e.options.Fault, labels, func(ctx SpecContext) {
			if e.limit != "" {
				Skip(e.limit)
			}
			e.matchers(running.quiet(ctx, e))
		}, SpecTimeout(10*time.Minute))
	}
	for _, i := range impossible {
		It(i.name, func() { Skip(i.reason) })
	}
})
