package wire_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"takeover/topology/impair/wire"
)

func TestImpossibleRules(t *testing.T) {
	late := wire.Rule{Name: "late", Act: wire.Delay, Delay: time.Millisecond}
	for _, test := range []struct {
		change func(*wire.Rule)
		want   string
	}{
		{func(r *wire.Rule) { r.Act = "lose" }, `act "lose" is none of drop, delay`},
		{func(r *wire.Rule) { r.Name = "" }, "it has no name"},
		{func(r *wire.Rule) { r.Probability = 1.3 }, "probability 1.3 is not from 0 to 1"},
		{func(r *wire.Rule) { r.Probability = math.NaN() }, "probability NaN is not"},
		{func(r *wire.Rule) { r.Delay = -time.Millisecond }, "delay -1ms is not from 0s"},
		{func(r *wire.Rule) { r.Delay = 2 * time.Hour }, "delay 2h0m0s is not from 0s to 1h0m0s"},
		{func(r *wire.Rule) { r.Delay = 0 }, "delay needs delay"},
		{func(r *wire.Rule) { r.Jitter = 2 * time.Millisecond }, "jitter 2ms is above delay 1ms"},
		{func(r *wire.Rule) { r.Distribution = "pareto" }, `distribution "pareto" is none of`},
		{func(r *wire.Rule) { r.Count = 2 }, "delay has no use for count"},
		{func(r *wire.Rule) { r.Every, r.First = 2, 2 }, "are different choices"},
		{func(r *wire.Rule) { r.Every = -2 }, "every -2 or first 0 is negative"},
		{func(r *wire.Rule) { r.BurstEnter = 0.5 }, "go together"},
		{func(r *wire.Rule) { r.Protocol = "ospf" }, `protocol "ospf" is none of all, vrrp`},
		{func(r *wire.Rule) { r.Protocol = "tcp:0" }, `protocol "tcp:0" is none of`},
		{func(r *wire.Rule) { r.Protocol = "sctp:80" }, `protocol "sctp:80" is none of`},
		{func(r *wire.Rule) { r.Direction = "up" }, `direction "up" is none of from, to, both`},
		{func(r *wire.Rule) { r.Sources = []string{"02:00:00:00:00"} }, "is no MAC address"},
		{func(r *wire.Rule) { r.Sources = []string{"02:00:00:00:00:00:00:01"} }, "is no MAC address"},
		{func(r *wire.Rule) { *r = wire.Rule{Name: "x", Act: wire.Duplicate, Count: 1001} }, "count 1001 is not from 0 to 1000"},
		{func(r *wire.Rule) { *r = wire.Rule{Name: "x", Act: wire.Shape, Rate: -1} }, "rate -1 is not from 0"},
		{func(r *wire.Rule) {
			*r = wire.Rule{Name: "x", Act: wire.Shape, Rate: 1, Choice: wire.Choice{Every: 2}}
		}, "shape chooses among no frames"},
		{func(r *wire.Rule) { *r = wire.Rule{Name: "x", Act: wire.Replay} }, "replay needs period"},
	} {
		r := late
		test.change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v lacks %q", r, err, test.want)
		}
		if err := wire.NewMachine(1).SetRules([]wire.Rule{r}); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
	if err := late.Validate(); err != nil {
		t.Error(err)
	}
	if err := wire.ValidateAll([]wire.Rule{late, late}); err == nil || !strings.Contains(err.Error(), `two rules are called "late"`) {
		t.Errorf("error %v", err)
	}
}

func TestRulesAsJSON(t *testing.T) {
	rule := wire.Rule{
		Name: "r", Act: wire.Delay, Match: wire.Match{Direction: wire.ToHost, Protocol: "tcp:80", Sources: []string{"02:00:00:00:00:01"}},
		Choice: wire.Choice{BurstEnter: 0.1, BurstLeave: 0.5}, Delay: time.Second, Jitter: time.Millisecond, Distribution: wire.Normal,
	}
	text, err := json.Marshal(rule)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"r","act":"delay","direction":"to","protocol":"tcp:80","sources":["02:00:00:00:00:01"],` +
		`"burst_enter":0.1,"burst_leave":0.5,"delay_ns":1000000000,"jitter_ns":1000000,"distribution":"normal"}`
	if string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	var read wire.Rule
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, rule) {
		t.Errorf("read as %+v, %v", read, err)
	}
}
