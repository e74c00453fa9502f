package report

import (
	"time"

	"takeover/scenarios/history"
)

// Format is the version of the JSON that this package writes.
const Format = 1

// Measures is what one trial shows. Durations are nanoseconds on disk. Times
// called "at" are distances from the start of the handover they belong to: the
// fault, or the beginning of its healing.
type Measures struct {
	Format   int       `json:"format"`
	Scenario string    `json:"scenario"`
	Fault    string    `json:"fault"`
	Subject  string    `json:"subject"`
	Run      int       `json:"run"`
	Seed     uint64    `json:"seed"`
	Started  time.Time `json:"started"`
	// Ended is the last phase that was reached: done, or where it broke off.
	Ended  history.PhaseName `json:"ended"`
	Length time.Duration     `json:"length_ns"` // of the trial
	Target string            `json:"target"`    // the host that the fault hit
	// WebServer is what answered the HTTP requests.
	WebServer string `json:"web_server"`
	// Phase is the distance from the Active's last advertisement to the fault.
	Phase     time.Duration `json:"phase_ns"`
	Detection *Detection    `json:"detection,omitempty"`
	Failover  *Handover     `json:"failover,omitempty"`
	Reversion *Handover     `json:"reversion,omitempty"`
	Ownership *Ownership    `json:"ownership,omitempty"`
	// CanaryDelayMax is the largest delay that the canary saw from the fault
	// to the end.
	CanaryDelayMax time.Duration `json:"canary_delay_max_ns"`
}

// Detection is how the timers of the RFC explain the failover.
type Detection struct {
	// Means is how the Backup was to learn of the fault.
	Means history.Detection `json:"means"`
	// Bounds is what could be said beforehand, from the fault to the
	// takeover; absent when the trial does not say enough.
	Bounds *Bounds `json:"bounds,omitempty"`
	// LastPriority is that of the last advertisement that the new Active
	// heard; with it the rest is known.
	LastPriority *int `json:"last_priority,omitempty"`
	// Timer is what the new Active waited after it: Active_Down_Interval, or
	// Skew_Time after priority 0.
	Timer *time.Duration `json:"timer_ns,omitempty"`
	// Expected is when that timer ended, from the fault.
	Expected *time.Duration `json:"expected_ns,omitempty"`
	// Residual is from then to the new Active's first advertisement.
	Residual *time.Duration `json:"residual_ns,omitempty"`
	// Overhead is from then to its first announcement.
	Overhead *time.Duration `json:"overhead_ns,omitempty"`
}

// Bounds is a range of durations, both ends included.
type Bounds struct {
	Low  time.Duration `json:"low_ns"`
	High time.Duration `json:"high_ns"`
}

// Handover is a failover or a reversion.
type Handover struct {
	Old string `json:"old"`
	// New is empty when no other node took over.
	New string `json:"new,omitempty"`
	// Window is how long it was looked at: from the fault to the healing, or
	// from the healing to the end.
	Window  time.Duration     `json:"window_ns"`
	Streams map[string]Stream `json:"streams"`
	Steps   []Step            `json:"steps"`
	// Complete is when the new owner had answered and was the only one with
	// the VIP; absent when that never was.
	Complete *time.Duration `json:"complete_ns,omitempty"`
}

// Stream is a handover as one stream of probes saw it.
type Stream struct {
	Period time.Duration `json:"period_ns"` // the resolution
	Sent   int           `json:"sent"`
	Lost   int           `json:"lost"`
	// PLBM is the loss-derived failover time (RFC 6414 packet-loss based
	// method): lost probes x period.
	PLBM time.Duration `json:"plbm_ns"`
	// PLBMCensored says that the last probe was lost as well: it is at least so
	// much.
	PLBMCensored bool `json:"plbm_censored"`
	// TBM is the time by timestamps (RFC 6414 timestamp based method): to the
	// first answer from the new owner to a probe sent afterwards. Absent
	// without a new owner.
	TBM *time.Duration `json:"tbm_ns,omitempty"`
	// TBMCensored says that no such answer came: it is at least so much.
	TBMCensored bool `json:"tbm_censored"`
}

// Step is one event on the way.
type Step struct {
	Name  StepName      `json:"name"`
	Event int           `json:"event"` // its ID in the history
	Host  string        `json:"host"`
	At    time.Duration `json:"at_ns"`    // below 0: before the start
	After time.Duration `json:"after_ns"` // since the step before
	Note  string        `json:"note,omitempty"`
}

// StepName names a step.
type StepName string

// The steps of a handover.
const (
	StepFault             StepName = "fault"
	StepHealing           StepName = "healing"
	StepLastAdvertisement StepName = "last advertisement"
	StepAdvertisement     StepName = "first advertisement"
	StepAddressAdded      StepName = "VIP added"
	StepAnnouncement      StepName = "announcement"
	StepAnswer            StepName = "first answer"
)

// Ownership is who owned the VIP from the fault to the end of the trial.
type Ownership struct {
	Held Held `json:"held"`
	Seen Seen `json:"seen"`
	// Transitions is how often a node gained or gave up the VIP.
	Transitions   int                    `json:"transitions"`
	RequestsLost  int                    `json:"requests_lost"` // HTTP
	ProbesLost    int                    `json:"probes_lost"`   // ICMP
	NearFailovers []history.NearFailover `json:"near_failovers"`
	// Declared is the reason for two owners, if they are declared.
	Declared string `json:"declared,omitempty"`
}

// Held is by the addresses in the hosts: exact.
type Held struct {
	TwoOwners           time.Duration `json:"two_owners_ns"`             // in all
	TwoOwnersAtOnce     time.Duration `json:"two_owners_at_once_ns"`     // the longest time
	TwoOwnersUnderFault time.Duration `json:"two_owners_under_fault_ns"` // until the healing
	NoOwner             time.Duration `json:"no_owner_ns"`
}

// Seen is by the answers to the owner probe on the segment: to its period.
type Seen struct {
	Period              time.Duration `json:"period_ns"`
	TwoOwners           time.Duration `json:"two_owners_ns"`
	TwoOwnersAtOnce     time.Duration `json:"two_owners_at_once_ns"`
	TwoOwnersUnderFault time.Duration `json:"two_owners_under_fault_ns"`
	NoOwner             time.Duration `json:"no_owner_ns"`
}
