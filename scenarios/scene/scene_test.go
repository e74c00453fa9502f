package scene_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/scene"
	"takeover/topology/file"
)

const small = `summary: a link fails
why: RFC 3768 section 6.4.2
schedule:
  - at: 1s
    phase: 50%
    fault: link-loss
    for: 4s
  - {between: [2s, 3s], fault: traffic-dropped protocol=vrrp every=2, target: backup}
expect:
  failover: {within: 4s, by: node2}
known:
  - {subject: keepalived, version: 2.2.7, expectation: none, reason: it waits}
`

func TestReads(t *testing.T) {
	s, err := scene.Parse("dir/loss.scenario.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "loss" || s.Topology != "failover" || len(s.Subjects) != 2 || *s.Schedule[0].Phase != 0.5 || s.Expect.Failover.By != "node2" {
		t.Errorf("%+v", s)
	}
}

func TestEveryProblemHasItsPlace(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"summary:", "name: x\nsummery:", `t.scenario.yaml:2:1: unknown key "summery" (did you mean "summary"?)`},
		{"fault: link-loss", "fault: link-los", `6:12: unknown fault "link-los" (did you mean "link-loss"?)`},
		{"every=2", "every=x", `8:32: fault traffic-dropped: every: "x" is no whole number`},
		{"at: 1s", "at: 1", `4:9: at: "1" is no duration`},
		{"at: 1s", "at: -1s", `4:9: at -1s is not from 0s`},
		{"phase: 50%", "phase: NaN", "5:12: phase is not from 0"},
		{"phase: 50%", "every: 1s", "every and times"},
		{"[2s, 3s]", "[3s, 2s]", "8:15: between has two durations"},
		{"by: node2", "by: nobody", "10:22: nobody takes over"},
		{"expectation: none", "expectation: non", `"non" is no expectation (did you mean "none"?)`},
		{"schedule:", "schedule: [", "not YAML"},
		{"at: 1s", "at: 1s\n    at: 2s", "5:5: "},
		{"schedule:", "length: 4s\nschedule:", "5:5: it is not over within the length 4s"},
		{"why: RFC", "why: [RFC]\nname: RFC", "2:6: why: a text or a number is expected"},
	} {
		_, err := scene.Parse("t.scenario.yaml", []byte(strings.Replace(small, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, new(*file.Problems)) {
			t.Errorf("%s: got %v, want %s", c.to, err, c.want)
		}
	}
}

func TestPlan(t *testing.T) {
	s, err := scene.Parse("t", []byte(`{summary: s, why: w, expect: {}, schedule: [
  {at: 2s, every: 1s, times: 3, for: 500ms, fault: link-loss, target: all},
  {between: [1s, 2s], fault: daemon-killed}]}`))
	if err != nil {
		t.Fatal(err)
	}
	moments, length, err := s.Plan(7)
	if err != nil || len(moments) != 4 || length != moments[0].At+5*time.Second {
		t.Fatalf("%v %s %v", moments, length, err)
	}
	if m := moments[0]; m.Fault.Name() != "daemon-killed" || m.Target != "active" || m.At < time.Second || m.At > 2*time.Second {
		t.Errorf("%+v", m)
	}
	for i, m := range moments[1:] {
		if m.At != time.Duration(2+i)*time.Second || m.For != time.Second/2 || m.Target != "all" {
			t.Errorf("%+v", m)
		}
	}
	again, _, _ := s.Plan(7)
	other, _, _ := s.Plan(8)
	if !reflect.DeepEqual(again, moments) || reflect.DeepEqual(other, moments) {
		t.Error("the seed does not say it")
	}
}

const committed = "../../docs/scenario.schema.json"

func TestCommittedSchemaIsCurrent(t *testing.T) {
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(committed, scene.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(scene.Schema()) {
		t.Errorf("%s is not what the code makes: run REWRITE=1 go test ./scenarios/scene", committed)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		s, err := scene.Parse("t", []byte(text))
		if err != nil {
			return
		}
		if _, _, err := s.Plan(1); err != nil || len(s.Problems()) > 0 {
			t.Errorf("it was read, but %v %v", err, s.Problems())
		}
	})
}
