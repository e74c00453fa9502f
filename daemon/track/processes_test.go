package track

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCommandLineIsMatched(t *testing.T) {
	tests := []struct {
		name       string
		match      ParameterMatch
		parameters []string
		line       string // | stands for the zeros
		want       bool
	}{
		{"no parameters wanted or given", MatchAny, nil, "ping|", true},
		{"any parameters", MatchAny, nil, "ping|-c|1|", true},
		{"another command", MatchAny, nil, "pingx|", false},
		{"path of the command", MatchAny, nil, "/bin/ping|", false},
		{"zombie or kernel thread", MatchAny, nil, "", false},
		{"overwritten by its title", MatchAny, nil, "ping", false},
		{"exact", MatchExact, []string{"-c", "1"}, "ping|-c|1|", true},
		{"exact, one missing", MatchExact, []string{"-c", "1"}, "ping|-c|", false},
		{"exact, one more", MatchExact, []string{"-c", "1"}, "ping|-c|1|x|", false},
		{"exact, none", MatchExact, nil, "ping|", true},
		{"exact, none wanted", MatchExact, nil, "ping|x|", false},
		{"partial, one more", MatchPartial, []string{"-c", "1"}, "ping|-c|1|x|", true},
		{"partial, last is longer", MatchPartial, []string{"-c", "1"}, "ping|-c|10|", false},
		{"initial, last is longer", MatchInitial, []string{"-c", "1"}, "ping|-c|10|x|", true},
		{"initial, first is longer", MatchInitial, []string{"-c", "1"}, "ping|-cc|1|", false},
		{"initial, none", MatchInitial, nil, "ping|x|", true},
		{"parameter with a space", MatchExact, []string{"a b"}, "ping|a b|", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &Processes{Command: "ping", FullCommand: true, Match: test.match, Parameters: test.parameters}
			if got := p.matchCommandLine([]byte(strings.ReplaceAll(test.line, "|", "\x00"))); got != test.want {
				t.Errorf("%q: %t", test.line, got)
			}
		})
	}
}

func TestCommIsMatchedByWhatTheKernelKeeps(t *testing.T) {
	p := &Processes{Command: "a-name-of-20-letters"}
	for comm, want := range map[string]bool{
		"a-name-of-20-le": true, "a-name-of-20-l": false, "a-name-of-20-let": false, "": false,
	} {
		if got := p.matchComm(comm); got != want {
			t.Errorf("%q: %t", comm, got)
		}
	}
}

func TestTallyJudgesByQuorumAndDelays(t *testing.T) {
	// Each word is at a second: how many processes there are from then on; u or
	// d is the judgement that comes then.
	const fork, terminate = 2 * time.Second, 3 * time.Second
	tests := []struct {
		name            string
		quorum, most    int
		fork, terminate time.Duration
		run, want       string
	}{
		{"one", 1, Unlimited, 0, 0, "0 1 2 1 0 1", "d u . . d u"},
		{"there at the start", 1, Unlimited, fork, terminate, "1 1 1", "u . ."},
		{"two", 2, Unlimited, 0, 0, "0 1 2 3 1", "d . u . d"},
		{"at most one", 1, 1, 0, 0, "1 2 1 0", "u d u d"},
		{"none allowed", 0, 0, 0, 0, "0 1 0", "u d u"},
		{"up after fork_delay", 1, Unlimited, fork, 0, "0 1 1 1 1", "d . . u ."},
		{"short-lived process", 1, Unlimited, fork, 0, "0 1 0 0 0", "d . . . ."},
		{"down after terminate_delay", 1, Unlimited, 0, terminate, "1 0 0 0 0", "u . . . d"},
		{"restarted", 1, Unlimited, 0, terminate, "1 0 0 1 1 1", "u . . . . ."},
		{"doubt starts anew", 1, Unlimited, 0, terminate, "1 0 0 1 0 0 0 0", "u . . . . . . d"},
		{"doubt is not prolonged", 2, Unlimited, 0, terminate, "2 1 1 0 0", "u . . . d"},
		{"too many after fork_delay", 1, 1, fork, terminate, "1 2 2 2 2", "u . . d ."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tally := newTally(&Processes{
				Quorum: test.quorum, QuorumMax: test.most, ForkDelay: test.fork, TerminateDelay: test.terminate,
			})
			now := time.Unix(1000, 0)
			var got []string
			for word := range strings.FieldsSeq(test.run) {
				var wanted int
				if _, err := fmt.Sscan(word, &wanted); err != nil {
					t.Fatal(err)
				}
				for pid := 1; pid <= 3; pid++ {
					if pid <= wanted {
						tally.add(pid, now)
					} else {
						tally.remove(pid, now)
					}
				}
				judged := "."
				if tally.judge(now) {
					judged = tally.state.String()[:1]
				}
				got = append(got, judged)
				now = now.Add(time.Second)
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("%s gave %s, want %s", test.run, text, test.want)
			}
		})
	}
}

func TestTallyCountsAProcessOnce(t *testing.T) {
	tally := newTally(&Processes{Quorum: 2, QuorumMax: Unlimited})
	now := time.Unix(1000, 0)
	tally.add(7, now)
	tally.add(7, now)
	if tally.judge(now); tally.state != Down {
		t.Errorf("one process counted twice: %v", tally.state)
	}
}
