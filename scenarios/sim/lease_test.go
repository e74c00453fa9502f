package sim

import (
	"testing"
	"time"
)

// ownersUnder runs three routers of the default, of which the Active suffers
// a fault for a minute, and returns the longest time with two owners.
func ownersUnder(t *testing.T, kind Kind, change func(*Options)) time.Duration {
	t.Helper()
	var longest time.Duration
	for hundredth := range 100 {
		phase := time.Duration(hundredth) * 10 * time.Millisecond
		s := &Schedule{Options: DefaultOptions(3), Calm: time.Minute, Faults: []Fault{
			{Kind: kind, At: 10*time.Second + phase, For: time.Minute},
		}}
		change(&s.Options)
		result, err := s.Run()
		if err != nil || result.Finding != nil {
			t.Fatal(err, result.Finding)
		}
		want := uint64(3) // there and back
		if kind == Pause {
			want = 2 // it is Active again when it goes on, and was all along
		}
		if got := result.Statistics.Takeovers; got != want {
			t.Fatalf("%d takeovers, want %d", got, want)
		}
		// The way back is a moment with two, by the protocol.
		for _, overlap := range result.Statistics.Overlaps {
			if overlap > s.Options.Network.Travel() {
				longest = max(longest, overlap)
			}
		}
	}
	return longest
}

func TestLeaseLeavesNoTwoOwners(t *testing.T) {
	lease := func(o *Options) { o.Guardian, o.Lease = false, 3*time.Second }
	nothing := func(o *Options) { o.Guardian = false }
	for _, kind := range []Kind{Crash, Pause} {
		if got := ownersUnder(t, kind, lease); got != 0 {
			t.Errorf("%s with a lease: two owners for %s", kind, got)
		}
		if got := ownersUnder(t, kind, nothing); got < 50*time.Second {
			t.Errorf("%s without: two owners for %s only", kind, got)
		}
	}
}

func TestGuardianLeavesNoTwoOwners(t *testing.T) {
	if got := ownersUnder(t, Crash, func(*Options) {}); got != 0 {
		t.Errorf("two owners for %s", got)
	}
}
