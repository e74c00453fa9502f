package track

import "testing"

func TestCounterJudgesByRiseAndFall(t *testing.T) {
	// In a run + is a success and - a failure. The judgement after each is
	// u(p), d(own) or ? for unknown, in capitals where it changed.
	tests := []struct {
		name       string
		rise, fall int
		initFail   bool
		run, want  string
	}{
		{"defaults follow every result", 1, 1, false, "++-+--", "UuDUDd"},
		{"first success decides alone", 3, 3, false, "+---", "UuuD"},
		{"first failure decides alone", 3, 3, false, "-+++", "DddU"},
		{"rise counts successes in a row", 3, 1, false, "-++-+++", "DdddddU"},
		{"fall counts failures in a row", 1, 3, false, "+--+---", "UuuuuuD"},
		{"success heals a started fall", 1, 2, false, "+-+-+--", "UuuuuuD"},
		{"init_fail needs the full rise", 2, 1, true, "-++", "ddU"},
		{"init_fail with rise 1", 1, 2, true, "+--", "UuD"},
		{"less than one counts as one", 0, -1, false, "+-+", "UDU"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := NewCounter(test.rise, test.fall, test.initFail)
			got := ""
			for _, result := range test.run {
				letters := map[State]string{Unknown: "?", Up: "u", Down: "d"}
				if c.Add(result == '+') {
					letters = map[State]string{Up: "U", Down: "D"}
				}
				got += letters[c.State()]
			}
			if got != test.want {
				t.Errorf("rise %d, fall %d, init_fail %v: %s gave %s, want %s",
					test.rise, test.fall, test.initFail, test.run, got, test.want)
			}
		})
	}
}

func TestCounterStartsUnknownOrDown(t *testing.T) {
	if got := NewCounter(1, 1, false).State(); got != Unknown {
		t.Errorf("without init_fail: %v", got)
	}
	if got := NewCounter(1, 1, true).State(); got != Down {
		t.Errorf("with init_fail: %v", got)
	}
}

// keepalived keeps one number, from 0 to rise+fall-1, and the script is up
// from rise on. The Counter must judge every run of results as that does.
func TestCounterAgreesWithKeepalivedsScale(t *testing.T) {
	for rise := 1; rise <= 3; rise++ {
		for fall := 1; fall <= 3; fall++ {
			for _, initFail := range []bool{false, true} {
				for run := range 1 << 9 {
					compareWithScale(t, rise, fall, initFail, run)
				}
			}
		}
	}
}

func compareWithScale(t *testing.T, rise, fall int, initFail bool, run int) {
	t.Helper()
	scale, up, top := rise-1, false, rise+fall-1
	if initFail {
		scale = 0
	}
	c := NewCounter(rise, fall, initFail)
	for bit := range 9 {
		success := run>>bit&1 == 1
		switch {
		case success && scale < rise-1:
			scale++
		case success:
			scale, up = top, true
		case scale > rise:
			scale--
		default:
			scale, up = 0, false
		}
		c.Add(success)
		if (c.State() == Up) != up || c.State() == Unknown {
			t.Fatalf("rise %d fall %d init_fail %v, results %09b after %d: %v, want up %v",
				rise, fall, initFail, run, bit+1, c.State(), up)
		}
	}
}
