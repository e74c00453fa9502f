package vrrp_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"takeover/daemon/vrrp"
)

func TestRepeatedPriority0DoesNotHoldTheBackup(t *testing.T) {
	router := mustNew(t, parameters())
	router.Step(beginning(), vrrp.Startup{})
	for after := time.Duration(0); after < 600*time.Millisecond; after += 100 * time.Millisecond {
		router.Step(beginning().Add(after), heard(0))
	}
	if want := beginning().Add(router.Parameters().SkewTime()); !deadline(t, router).Equal(want) {
		t.Errorf("deadline %s, want Skew_Time after the first: %s", deadline(t, router), want)
	}
}

func TestPriority0DoesNotDelayAnEarlierEnd(t *testing.T) {
	router := mustNew(t, parameters())
	router.Step(beginning(), vrrp.Startup{})
	before := deadline(t, router)
	router.Step(before.Add(-time.Millisecond), heard(0))
	if !deadline(t, router).Equal(before) {
		t.Errorf("deadline %s, want %s as before", deadline(t, router), before)
	}
}

func TestSkewTimeOfVersion3IsAPartOfTheInterval(t *testing.T) {
	p := parameters()
	p.Version = vrrp.Version3
	for _, test := range []struct {
		priority   uint8
		adverts    int
		interval   time.Duration
		skew, down time.Duration
	}{
		{100, 0, time.Second, 609_375_000, 3_609_375_000},
		{100, 0, 10 * time.Millisecond, 6_093_750, 36_093_750},
		{254, 3, 40950 * time.Millisecond, 319_921_875, 123_169_921_875},
		{255, 2, 100 * time.Millisecond, 390_625, 200_390_625},
	} {
		p.Priority, p.DownTimerAdverts, p.AdvertisementInterval = test.priority, test.adverts, test.interval
		if got := p.SkewTime(); got != test.skew {
			t.Errorf("priority %d, %s: Skew_Time %s, want %s", test.priority, test.interval, got, test.skew)
		}
		if got := p.ActiveDownInterval(); got != test.down {
			t.Errorf("priority %d, %s: Active_Down_Interval %s, want %s", test.priority, test.interval, got, test.down)
		}
	}
}

func TestBackupLearnsTheIntervalAndTheActiveForgetsIt(t *testing.T) {
	p := parameters()
	p.Version, p.AdvertisementInterval = vrrp.Version3, 500*time.Millisecond
	router := mustStarted(t, p)
	expect := func(what string, interval, deadlineAfter time.Duration, now time.Time) {
		t.Helper()
		if got := router.ActiveInterval(); got != interval {
			t.Errorf("%s: Active_Adver_Interval %s, want %s", what, got, interval)
		}
		if got := deadline(t, router).Sub(now); got != deadlineAfter {
			t.Errorf("%s: deadline after %s, want %s", what, got, deadlineAfter)
		}
	}
	said := func(priority uint8) vrrp.Received {
		e := heard(priority)
		e.Advertisement.Version, e.Advertisement.Interval = vrrp.Version3, 2*time.Second
		return e
	}
	now := beginning()
	expect("Startup", p.AdvertisementInterval, p.ActiveDownInterval(), now)
	router.Step(now, said(50))
	expect("discarded", p.AdvertisementInterval, p.ActiveDownInterval(), now)
	router.Step(now, said(150))
	expect("believed", 2*time.Second, 7_218_750_000, now)
	router.Step(now, said(0))
	expect("priority 0", 2*time.Second, 1_218_750_000, now)
	now = deadline(t, router)
	router.Step(now, vrrp.TimerExpired{})
	expect("Active", p.AdvertisementInterval, p.AdvertisementInterval, now)
	router.Step(now, vrrp.Resign{})
	expect("resigned", p.AdvertisementInterval, p.ActiveDownInterval(), now)
	router.Step(now, said(150))
	router.Step(now, vrrp.Shutdown{})
	router.Step(now, vrrp.Startup{})
	expect("Startup again", p.AdvertisementInterval, p.ActiveDownInterval(), now)
}

func TestPreemptDelayBeginsAnewAfterABetterActive(t *testing.T) {
	p := parameters()
	p.PreemptDelay = 5 * time.Second
	router := mustStarted(t, p)
	for _, step := range []struct {
		after    time.Duration
		priority uint8
		letBe    bool
	}{
		{1 * time.Second, 50, true}, // the delay begins
		{3 * time.Second, 150, true},
		{6 * time.Second, 50, true}, // and again
		{9 * time.Second, 50, true},
		{11 * time.Second, 50, false},
	} {
		now := beginning().Add(step.after)
		before := deadline(t, router)
		router.Step(now, heard(step.priority))
		if letBe := !deadline(t, router).Equal(before); letBe != step.letBe {
			t.Errorf("priority %d at %s is let be: %t", step.priority, step.after, letBe)
		}
	}
}

func TestFastPreemptAdvertNeedsTheActivesOwnFall(t *testing.T) {
	tests := []struct {
		name  string
		heard []vrrp.Received
		edit  func(*vrrp.Parameters)
		fast  bool
	}{
		{"it fell", []vrrp.Received{heard(150), heard(80)}, nil, true},
		{"it fell, but not below", []vrrp.Received{heard(150), heard(120)}, nil, false},
		{"it was below before", []vrrp.Received{heard(90), heard(80)}, nil, false},
		{"another is below", []vrrp.Received{heard(150), from("10.0.0.103", heard(80))}, nil, false},
		{"no preemption", []vrrp.Received{heard(150), heard(80)}, func(p *vrrp.Parameters) { p.NoPreempt = true }, false},
		{"a delay", []vrrp.Received{heard(150), heard(80)}, func(p *vrrp.Parameters) { p.PreemptDelay = time.Hour }, false},
		{"off", []vrrp.Received{heard(150), heard(80)}, func(p *vrrp.Parameters) { p.FastPreempt = vrrp.FastPreemptOff }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := parameters()
			p.FastPreempt = vrrp.FastPreemptAdvert
			if test.edit != nil {
				test.edit(&p)
			}
			router := mustNew(t, p)
			router.Step(beginning(), vrrp.Startup{})
			for _, e := range test.heard {
				router.Step(beginning(), e)
			}
			if fast := deadline(t, router).Equal(beginning().Add(p.SkewTime())); fast != test.fast {
				t.Errorf("deadline %s after the beginning", deadline(t, router).Sub(beginning()))
			}
		})
	}
}

func from(source string, e vrrp.Received) vrrp.Received {
	e.Source = netip.MustParseAddr(source)
	return e
}

func TestCurrentActiveIsWhoWasHeardLast(t *testing.T) {
	router := mustNew(t, parameters())
	expect := func(want string) {
		t.Helper()
		if got := router.CurrentActive(); got.String() != want {
			t.Errorf("current Active %s, want %s", got, want)
		}
	}
	const none = "invalid IP"
	router.Step(beginning(), vrrp.Startup{})
	expect(none)
	router.Step(beginning(), heard(150))
	expect("10.0.0.102")
	router.Step(beginning(), from("10.0.0.103", heard(50))) // discarded, but there
	expect("10.0.0.103")
	router.Step(beginning(), from("10.0.0.103", heard(0)))
	expect(none)
	router.Step(deadline(t, router), vrrp.TimerExpired{})
	expect(none)
	router.Step(beginning().Add(time.Second), heard(150))
	expect("10.0.0.102")
}

func TestAnOwnerThatResignedDoesNotAnswerAsBackup(t *testing.T) {
	p := parameters()
	p.Priority = 255
	router := mustNew(t, p)
	router.Step(beginning(), vrrp.Startup{})
	router.Step(beginning(), vrrp.Resign{})
	actions := router.Step(beginning(), heard(50))
	want := []vrrp.Action{vrrp.Discard{Source: heard(50).Source, Refusal: vrrp.RefusedOwner}}
	if !slices.Equal(actions, want) {
		t.Errorf("got %v, want %v", actions, want)
	}
}

func TestActiveRefusesTheOtherFamily(t *testing.T) {
	p := parameters()
	p.Version = vrrp.Version3
	router := mustNew(t, p)
	router.Step(beginning(), vrrp.Startup{})
	e := from("fe80::1", heard(150))
	e.Advertisement.Version = vrrp.Version3
	want := []vrrp.Action{vrrp.Discard{Source: e.Source, Refusal: vrrp.RefusedSource}}
	if actions := router.Step(beginning(), e); !slices.Equal(actions, want) {
		t.Errorf("got %v, want %v", actions, want)
	}
}

func TestCheckAddresses(t *testing.T) {
	addresses := func(list ...string) (parsed []netip.Addr) {
		for _, s := range list {
			parsed = append(parsed, netip.MustParseAddr(s))
		}
		return parsed
	}
	tests := []struct {
		heard []netip.Addr
		same  bool
	}{
		{addresses("10.0.0.3", "10.0.0.1", "10.0.0.2"), true},
		{addresses("10.0.0.1", "10.0.0.2", "10.0.0.3"), true},
		{addresses("10.0.0.1", "10.0.0.2"), false},
		{addresses("10.0.0.1", "10.0.0.2", "10.0.0.2"), false},
		{addresses("10.0.0.1", "10.0.0.2", "10.0.0.4"), false},
		{addresses("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"), false},
		{nil, false},
	}
	p := parameters()
	p.CheckAddresses = true
	p.VirtualAddresses = tests[0].heard
	for _, test := range tests {
		router := mustNew(t, p)
		router.Step(beginning(), vrrp.Startup{})
		e := heard(150)
		e.Advertisement.Addresses = test.heard
		actions := router.Step(beginning(), e)
		refused := len(actions) == 1 && actions[0] == vrrp.Action(vrrp.Discard{Source: e.Source, Refusal: vrrp.RefusedAddresses})
		if refused == test.same {
			t.Errorf("%s: %v", test.heard, actions)
		}
		e.Advertisement.Priority = 255 // whose list is right in any case
		if actions := mustStarted(t, p).Step(beginning(), e); len(actions) != 0 {
			t.Errorf("%s of the owner: %v", test.heard, actions)
		}
	}
}
