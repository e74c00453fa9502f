package history

import "slices"

// Verdict is what a judge says of a trial.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	// Inconclusive: the trial was cut short, or the machine was too busy for
	// its bounds to mean anything.
	Inconclusive Verdict = "inconclusive"
)

// Finding is one thing that speaks against a trial.
type Finding struct {
	Check   string  `json:"check"`   // which judge: safety, liveness, ...
	Verdict Verdict `json:"verdict"` // fail or inconclusive
	Text    string  `json:"text"`
	Events  []int   `json:"events"` // IDs of the events that prove it
	// Host and Rule are given where one host broke one of package conduct's
	// rules, and Host alone where its silence let another take over.
	Host string `json:"host,omitempty"`
	Rule string `json:"rule,omitempty"`
}

// Judgement is the verdict on a trial, with all that speaks against it. It
// stands here because the judges make it and reports show it, and neither
// knows the other.
type Judgement struct {
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
	// Skipped is what could not be judged. It speaks neither for nor against
	// the trial.
	Skipped []Skip `json:"skipped,omitempty"`
	// Observed is what was noticed beside that; nil: nothing was looked for.
	Observed *Observed `json:"observed,omitempty"`
}

// Skip is what a judge left out.
type Skip struct {
	Check  string `json:"check"`
	Reason string `json:"reason"` // with the host that it concerns, if it is one
}

// Combine is the verdict over many: one failure fails all, then one
// inconclusive leaves all inconclusive. Nothing at all shows nothing:
// inconclusive.
func Combine(verdicts []Verdict) Verdict {
	switch {
	case slices.Contains(verdicts, Fail):
		return Fail
	case len(verdicts) == 0 || slices.Contains(verdicts, Inconclusive):
		return Inconclusive
	default:
		return Pass
	}
}
