package sim

import (
	"reflect"
	"strings"
	"testing"
)

func TestScheduleSurvivesItsText(t *testing.T) {
	for seed := range uint64(500) {
		s := everything().Schedule(seed)
		s.Options.Network.Loss, s.Options.Network.Duplicate = 0.125, 0.5
		parsed, err := Parse(strings.NewReader(s.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
		if !s.Options.Guardian { // then there is no farewell to write
			s.Options.Farewell = 0
		}
		for i := range s.Faults { // nor what a kind does not use
			parsed.Faults[i].Share, s.Faults[i].Share = used(&s.Faults[i], parsed.Faults[i].Share)
		}
		if !reflect.DeepEqual(parsed, s) {
			t.Fatalf("got\n%+v, want\n%+v\n%s", parsed, s, s)
		}
	}
}

// used is the share that a fault of the kind has.
func used(f *Fault, parsed float64) (float64, float64) {
	if f.Kind == Delay || f.Kind == Cut {
		return 0, 0
	}
	return parsed, f.Share
}

func TestParseRefuses(t *testing.T) {
	const head = "version 2\ninterval 1s\nrouter node1 priority 100\nrouter node2 priority 99\n"
	for text, want := range map[string]string{
		"":                                                         "schedule: 0 routers are not 1 to 64",
		"nonsense 1":                                               `schedule line 1: unknown word "nonsense"`,
		head + "seed":                                              "schedule line 5: the line is too short",
		head + "seed 1 2":                                          `schedule line 5: "2" is too much`,
		head + "seed -1":                                           `invalid syntax`,
		head + "router node4 priority 1":                           "schedule line 5: the next router is node3",
		head + "interval 1500ms":                                   "interval 1.5s is not 1 to 255 whole seconds",
		head + "at 1s for 1s melt node1":                           "fault 1: no such fault: melt",
		head + "at 1s for 0s crash node1":                          "fault 1: crash at 1s for 0s is not within the run",
		head + "at 1s for 1s crash node3":                          "fault 1: crash: node3 is not there",
		head + "at 1s for 1s crash router3":                        `"router3" is no router`,
		head + "at 1s for 1s cut node1 node2":                      `"node2" where "->" must stand`,
		head + "at 1s for 1s cut node1 -> node7":                   "fault 1: cut: it is on routers that are not there",
		head + "at 1s for 1s clock node1 rate 9":                   "a rate of 9 is not 0.25 to 2",
		head + "at 1s for 1s loss node1 -> node2 share 1.5":        "loss 1.5 is not 0 to 1",
		head + "at 1s for 1s loss node1 -> node2 share NaN":        "loss NaN is not 0 to 1",
		head + "at 1s for 1s burst node1 -> node2 share 0.5 end 0": "a burst that never ends",
		head + "segments 3":                                        "3 segments are not 1 or 2",
		head + "down_timer_adverts 101":                            "101 down timer adverts are not 1 to 100",
		head + "peer_loss hurts":                                   `"hurts" is not ignored, expires, skews`,
		head + "at 1s for 1s priority node1 to 255":                "priority 255 is not 1 to 254",
		head + "at 1s for 1s unplug node1 on 2":                    "unplug: it is not on segment 2",
		head + "segments 2\nat 1s for 1s crash node1 on 2":         "crash: it is not on segment 2",
		head + "lease 500ms":                                       "lease 500ms is not longer than the interval 1s that renews it",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(everything().Schedule(seed).String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := Parse(strings.NewReader(s.String()))
		if err != nil || again.String() != s.String() {
			t.Fatalf("%v\n%s\n%s", err, s, again)
		}
	})
}
