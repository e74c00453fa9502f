package vrrp_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/daemon/vrrp"
)

func parameters() vrrp.Parameters {
	return vrrp.Parameters{
		Version:               vrrp.Version2,
		VRID:                  51,
		Priority:              100,
		AdvertisementInterval: time.Second,
		PrimaryAddress:        netip.MustParseAddr("10.0.0.101"),
		VirtualAddresses:      []netip.Addr{netip.MustParseAddr("10.0.0.200")},
		AnnounceCount:         5,
	}
}

func mustNew(t testing.TB, p vrrp.Parameters) *vrrp.VirtualRouter {
	t.Helper()
	router, err := vrrp.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// mustStarted has had its Startup at the beginning.
func mustStarted(t *testing.T, p vrrp.Parameters) *vrrp.VirtualRouter {
	t.Helper()
	router := mustNew(t, p)
	router.Step(beginning(), vrrp.Startup{})
	return router
}

// newActive is an Active, and when it became it.
func newActive(t testing.TB, p vrrp.Parameters) (*vrrp.VirtualRouter, time.Time) {
	t.Helper()
	router := mustNew(t, p)
	router.Step(beginning(), vrrp.Startup{})
	now, _ := router.Deadline()
	router.Step(now, vrrp.TimerExpired{})
	if router.State() != vrrp.Active {
		t.Fatalf("in %s, want Active", router.State())
	}
	return router, now
}

// heard is the advertisement of another router with the same parameters but
// for the priority.
func heard(priority uint8) vrrp.Received {
	p := parameters()
	return vrrp.Received{
		Source: netip.MustParseAddr("10.0.0.102"),
		Advertisement: vrrp.Advertisement{
			Version:   p.Version,
			VRID:      p.VRID,
			Priority:  priority,
			Interval:  p.AdvertisementInterval,
			Addresses: p.VirtualAddresses,
		},
	}
}

func deadline(t *testing.T, router *vrrp.VirtualRouter) time.Time {
	t.Helper()
	at, running := router.Deadline()
	if !running {
		t.Fatalf("no timer runs in %s", router.State())
	}
	return at
}

func advertisements(actions []vrrp.Action) int {
	count := 0
	for _, action := range actions {
		if _, ok := action.(vrrp.SendAdvertisement); ok {
			count++
		}
	}
	return count
}

func TestSkewTimeDoesNotDependOnTheInterval(t *testing.T) {
	tests := []struct {
		priority  uint8
		interval  time.Duration
		skew      time.Duration
		downAfter time.Duration
	}{
		{1, time.Second, 996_093_750, 3_996_093_750},
		{100, time.Second, 609_375_000, 3_609_375_000},
		{254, 10 * time.Second, 7_812_500, 30_007_812_500},
		{255, 255 * time.Second, 3_906_250, 765_003_906_250},
	}
	for _, test := range tests {
		p := parameters()
		p.Priority, p.AdvertisementInterval = test.priority, test.interval
		if got := p.SkewTime(); got != test.skew {
			t.Errorf("priority %d: Skew_Time %s, want %s", test.priority, got, test.skew)
		}
		if got := p.ActiveDownInterval(); got != test.downAfter {
			t.Errorf("priority %d: Active_Down_Interval %s, want %s", test.priority, got, test.downAfter)
		}
	}
}

func TestAdvertisementsDoNotDrift(t *testing.T) {
	router, start := newActive(t, parameters())
	for i := 1; i <= 100; i++ {
		late := deadline(t, router).Add(3 * time.Millisecond)
		if n := advertisements(router.Step(late, vrrp.TimerExpired{})); n != 1 {
			t.Fatalf("%d advertisements at the %dth deadline", n, i)
		}
	}
	if want := start.Add(101 * time.Second); !deadline(t, router).Equal(want) {
		t.Errorf("deadline %s after 100 late intervals, want %s", deadline(t, router), want)
	}
}

func TestPauseIsNotMadeUpFor(t *testing.T) {
	tests := []struct {
		late, next time.Duration // after the deadline
	}{
		{0, time.Second},
		{999 * time.Millisecond, time.Second},
		{time.Second, 2 * time.Second}, // just as late: no empty wait
		{time.Second + 1, 2*time.Second + 1},
		{time.Hour, time.Hour + time.Second},
	}
	for _, test := range tests {
		t.Run(test.late.String(), func(t *testing.T) {
			router, _ := newActive(t, parameters())
			due := deadline(t, router)
			if n := advertisements(router.Step(due.Add(test.late), vrrp.TimerExpired{})); n != 1 {
				t.Errorf("%d advertisements, want 1", n)
			}
			if got := deadline(t, router).Sub(due); got != test.next {
				t.Errorf("the next deadline is %s after the last, want %s", got, test.next)
			}
		})
	}
}

func TestRefusedAdvertisements(t *testing.T) {
	secret := vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: [8]byte{'s'}}
	tests := []struct {
		name string
		edit func(*vrrp.Parameters, *vrrp.Received)
		want vrrp.Refusal
	}{
		{"nothing wrong", func(*vrrp.Parameters, *vrrp.Received) {}, 0},
		{"another VRID", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Advertisement.VRID = 52 }, vrrp.RefusedVRID},
		{"version 3", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Advertisement.Version = 3 }, vrrp.RefusedVersion},
		{"its own", func(p *vrrp.Parameters, e *vrrp.Received) { e.Source = p.PrimaryAddress }, vrrp.RefusedSource},
		{"no source", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Source = netip.Addr{} }, vrrp.RefusedSource},
		{"source 0.0.0.0", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Source = netip.IPv4Unspecified() }, vrrp.RefusedSource},
		{"multicast source", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Source = netip.MustParseAddr("224.0.0.18") }, vrrp.RefusedSource},
		{"broadcast source", func(_ *vrrp.Parameters, e *vrrp.Received) {
			e.Source = netip.MustParseAddr("255.255.255.255")
		}, vrrp.RefusedSource},
		{"unexpected password", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Advertisement.Authentication = secret }, vrrp.RefusedAuthentication},
		{"no password", func(p *vrrp.Parameters, _ *vrrp.Received) { p.Authentication = secret }, vrrp.RefusedAuthentication},
		{"another password", func(p *vrrp.Parameters, e *vrrp.Received) {
			p.Authentication, e.Advertisement.Authentication = secret, secret
			e.Advertisement.Authentication.Data[7] = 1
		}, vrrp.RefusedAuthentication},
		{"the password", func(p *vrrp.Parameters, e *vrrp.Received) {
			p.Authentication, e.Advertisement.Authentication = secret, secret
		}, 0},
		{"the type of AH", func(p *vrrp.Parameters, e *vrrp.Received) {
			p.Authentication.Type = vrrp.AuthenticationAH
			e.Advertisement.Authentication = vrrp.Authentication{Type: vrrp.AuthenticationAH, Data: [8]byte{1}}
		}, 0},
		{"not the type of AH", func(p *vrrp.Parameters, _ *vrrp.Received) {
			p.Authentication.Type = vrrp.AuthenticationAH
		}, vrrp.RefusedAuthentication},
		{"data without a type", func(_ *vrrp.Parameters, e *vrrp.Received) {
			e.Advertisement.Authentication.Data[0] = 1
		}, 0},
		{"another interval", func(_ *vrrp.Parameters, e *vrrp.Received) {
			e.Advertisement.Interval = 2 * time.Second
		}, vrrp.RefusedInterval},
		{"other addresses", func(_ *vrrp.Parameters, e *vrrp.Received) { e.Advertisement.Addresses = nil }, 0},
		{"the owner's", func(p *vrrp.Parameters, _ *vrrp.Received) { p.Priority = 255 }, vrrp.RefusedOwner},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, e := parameters(), heard(150)
			test.edit(&p, &e)
			router := mustNew(t, p)
			router.Step(beginning(), vrrp.Startup{})
			var want []vrrp.Action
			if test.want != 0 {
				want = []vrrp.Action{vrrp.Discard{Source: e.Source, Refusal: test.want}}
			}
			actions := slices.DeleteFunc(router.Step(beginning(), e), func(action vrrp.Action) bool {
				_, discard := action.(vrrp.Discard)
				return test.want == vrrp.RefusedOwner && !discard // it also answers
			})
			if !slices.Equal(actions, want) {
				t.Errorf("got %v, want %v", actions, want)
			}
		})
	}
}

func TestRefusedAdvertisementDoesNotHoldTheBackup(t *testing.T) {
	router := mustNew(t, parameters())
	router.Step(beginning(), vrrp.Startup{})
	before := deadline(t, router)
	e := heard(150)
	e.Advertisement.Interval = 2 * time.Second
	router.Step(beginning().Add(time.Second), e)
	if !deadline(t, router).Equal(before) {
		t.Errorf("deadline %s, want %s as before", deadline(t, router), before)
	}
}

func TestEqualPriorityIsDecidedByTheSource(t *testing.T) {
	for source, want := range map[string]vrrp.State{"10.0.0.100": vrrp.Active, "10.0.0.102": vrrp.Backup} {
		router, now := newActive(t, parameters())
		e := heard(100)
		e.Source = netip.MustParseAddr(source)
		router.Step(now, e)
		if router.State() != want {
			t.Errorf("%s after an equal priority from %s, want %s", router.State(), source, want)
		}
	}
}

func TestRivalIsAnsweredOncePerInterval(t *testing.T) {
	router, now := newActive(t, parameters())
	due := deadline(t, router)
	tests := []struct {
		after   time.Duration
		answers int
	}{{0, 1}, {0, 0}, {999 * time.Millisecond, 0}, {time.Second, 1}, {1500 * time.Millisecond, 0}, {2 * time.Second, 1}}
	for _, test := range tests {
		actions := router.Step(now.Add(test.after), heard(50))
		if n := advertisements(actions); n != test.answers {
			t.Errorf("%d answers %s later, want %d", n, test.after, test.answers)
		}
		if announced := len(actions) == 2 && actions[1] == vrrp.Action(vrrp.Announce{Address: netip.MustParseAddr("10.0.0.200"), Count: 5}); announced != (test.answers == 1) {
			t.Errorf("%v %s later", actions, test.after)
		}
	}
	if !deadline(t, router).Equal(due) {
		t.Errorf("Adver_Timer moved from %s to %s", due, deadline(t, router))
	}
}

func TestRivalIsAnsweredAgainAfterARestart(t *testing.T) {
	p := parameters()
	p.Priority = 255
	router := mustNew(t, p)
	for range 2 {
		router.Step(beginning(), vrrp.Startup{})
		if n := advertisements(router.Step(beginning(), heard(50))); n != 1 {
			t.Errorf("%d answers, want 1", n)
		}
		router.Step(beginning(), vrrp.Shutdown{})
	}
}

func TestReasonForgetsAnOldPriority0(t *testing.T) {
	router := mustNew(t, parameters())
	router.Step(beginning(), vrrp.Startup{})
	expire := func() vrrp.Action {
		actions := router.Step(deadline(t, router), vrrp.TimerExpired{})
		return actions[len(actions)-1]
	}
	router.Step(beginning(), heard(0))
	want := vrrp.StateChanged{From: vrrp.Backup, To: vrrp.Active, Reason: "Skew_Time passed after priority 0"}
	if got := expire(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	router.Step(beginning().Add(2*time.Second), heard(150))
	want.Reason = "Active_Down_Timer expired"
	if got := expire(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOwnerDoesNotAnswerAnotherOwnerNorOneThatStops(t *testing.T) {
	p := parameters()
	p.Priority = 255
	for priority, want := range map[uint8]int{0: 0, 1: 1, 254: 1, 255: 0} {
		router := mustNew(t, p)
		router.Step(beginning(), vrrp.Startup{})
		if n := advertisements(router.Step(beginning(), heard(priority))); n != want {
			t.Errorf("%d answers to priority %d, want %d", n, priority, want)
		}
	}
}

func TestNoAnnouncementsWhereNoneAreWanted(t *testing.T) {
	p := parameters()
	p.AnnounceCount, p.AnnounceDelay = 0, 100*time.Millisecond
	router, now := newActive(t, p)
	if want := now.Add(time.Second); !deadline(t, router).Equal(want) {
		t.Errorf("deadline %s, want that of Adver_Timer, %s", deadline(t, router), want)
	}
	if actions := router.Step(now, heard(50)); len(actions) != 1 || advertisements(actions) != 1 {
		t.Errorf("answered a rival with %v, want an advertisement", actions)
	}
}

func TestBothTimersAtOnceAdvertiseFirst(t *testing.T) {
	p := parameters()
	p.AnnounceDelay = time.Second
	router, now := newActive(t, p)
	actions := router.Step(now.Add(time.Second), vrrp.TimerExpired{})
	if len(actions) != 2 || advertisements(actions[:1]) != 1 {
		t.Errorf("got %v, want an advertisement and announcements", actions)
	}
}

func TestSecondAnnouncementIsNotHeldUpByAdvertisements(t *testing.T) {
	p := parameters()
	p.AnnounceDelay = 1500 * time.Millisecond
	router, now := newActive(t, p)
	// Late for both: one of each, and no third.
	if actions := router.Step(now.Add(10*time.Second), vrrp.TimerExpired{}); len(actions) != 2 {
		t.Errorf("got %v, want an advertisement and announcements", actions)
	}
	if actions := router.Step(now.Add(11*time.Second), vrrp.TimerExpired{}); len(actions) != 1 {
		t.Errorf("got %v, want an advertisement", actions)
	}
}

func TestParametersAreTheCallersOwnCopy(t *testing.T) {
	p := parameters()
	count := 3
	p.RivalAnnounceCount = &count
	p.ExcludedAddresses = []netip.Addr{netip.MustParseAddr("10.0.0.210")}
	want := slices.Concat(p.VirtualAddresses, p.ExcludedAddresses)
	router := mustNew(t, p)
	for _, p := range []vrrp.Parameters{p, router.Parameters()} {
		p.VirtualAddresses[0], p.ExcludedAddresses[0] = netip.IPv4Unspecified(), netip.IPv4Unspecified()
		*p.RivalAnnounceCount = 9
	}
	p = router.Parameters()
	if got := slices.Concat(p.VirtualAddresses, p.ExcludedAddresses); !slices.Equal(got, want) || *p.RivalAnnounceCount != 3 {
		t.Errorf("the machine's became %s and %d", got, *p.RivalAnnounceCount)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		want string
		edit func(*vrrp.Parameters)
	}{
		{"version 4 is neither 2 nor 3", func(p *vrrp.Parameters) { p.Version = 4 }},
		{"version 0 is neither 2 nor 3", func(p *vrrp.Parameters) { p.Version = 0 }},
		{"virtual router 0: VRID 0 is not", func(p *vrrp.Parameters) { p.VRID = 0 }},
		{"priority 0", func(p *vrrp.Parameters) { p.Priority = 0 }},
		{"interval 400ms", func(p *vrrp.Parameters) { p.AdvertisementInterval = 400 * time.Millisecond }},
		{"interval 4m16s", func(p *vrrp.Parameters) { p.AdvertisementInterval = 256 * time.Second }},
		{"primary address invalid IP", func(p *vrrp.Parameters) { p.PrimaryAddress = netip.Addr{} }},
		{"primary address fe80::1 is not IPv4, which version 2 needs", func(p *vrrp.Parameters) { p.PrimaryAddress = netip.MustParseAddr("fe80::1") }},
		{"primary address ::ffff:10.0.0.1", func(p *vrrp.Parameters) { p.PrimaryAddress = netip.MustParseAddr("::ffff:10.0.0.1") }},
		{"no virtual addresses", func(p *vrrp.Parameters) { p.VirtualAddresses = nil }},
		{"256 addresses", func(p *vrrp.Parameters) { p.VirtualAddresses = make([]netip.Addr, 256) }},
		{"virtual address 224.0.0.1", func(p *vrrp.Parameters) { p.VirtualAddresses[0] = netip.MustParseAddr("224.0.0.1") }},
		{"10.0.0.200 is there twice", func(p *vrrp.Parameters) {
			p.VirtualAddresses = append(p.VirtualAddresses, p.VirtualAddresses[0])
		}},
		{"authentication type 3", func(p *vrrp.Parameters) { p.Authentication.Type = 3 }},
		{"data without", func(p *vrrp.Parameters) { p.Authentication.Data[0] = 1 }},
		{"data without", func(p *vrrp.Parameters) {
			p.Authentication = vrrp.Authentication{Type: vrrp.AuthenticationAH, Data: [8]byte{1}}
		}},
		{"version 3 has no authentication", func(p *vrrp.Parameters) {
			p.Version, p.Authentication.Type = vrrp.Version3, vrrp.AuthenticationPass
		}},
		{"interval 15ms is not 10ms to 40.95s", func(p *vrrp.Parameters) {
			p.Version, p.AdvertisementInterval = vrrp.Version3, 15*time.Millisecond
		}},
		{"primary address fe80::1%eth0 is not unicast", func(p *vrrp.Parameters) {
			p.Version, p.PrimaryAddress = vrrp.Version3, netip.MustParseAddr("fe80::1%eth0")
		}},
		{"virtual address 10.0.0.200 is not unicast IPv6", func(p *vrrp.Parameters) {
			p.Version, p.PrimaryAddress = vrrp.Version3, netip.MustParseAddr("fe80::1")
		}},
		{"excluded address 224.0.0.1 is not unicast", func(p *vrrp.Parameters) {
			p.ExcludedAddresses = []netip.Addr{netip.MustParseAddr("224.0.0.1")}
		}},
		{"excluded address 10.0.0.200 is there twice", func(p *vrrp.Parameters) {
			p.ExcludedAddresses = p.VirtualAddresses
		}},
		{"rival announce count -1", func(p *vrrp.Parameters) {
			count := -1
			p.RivalAnnounceCount = &count
		}},
		{"rival announce delay -1s", func(p *vrrp.Parameters) { p.RivalAnnounceDelay = -time.Second }},
		{"announce refresh -1s", func(p *vrrp.Parameters) { p.AnnounceRefresh = -time.Second }},
		{"announce refresh count 0 is not at least 1", func(p *vrrp.Parameters) { p.AnnounceRefresh = time.Second }},
		{"preempt delay -1s", func(p *vrrp.Parameters) { p.PreemptDelay = -time.Second }},
		{"startup delay -1s", func(p *vrrp.Parameters) { p.StartupDelay = -time.Second }},
		{"101 down timer adverts", func(p *vrrp.Parameters) { p.DownTimerAdverts = 101 }},
		{"fast preempt 3", func(p *vrrp.Parameters) { p.FastPreempt = 3 }},
		{"peer loss 3", func(p *vrrp.Parameters) { p.PeerLoss = 3 }},
		{"announce count -1", func(p *vrrp.Parameters) { p.AnnounceCount = -1 }},
		{"announce delay -1s", func(p *vrrp.Parameters) { p.AnnounceDelay = -time.Second }},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			p := parameters()
			test.edit(&p)
			if _, err := vrrp.New(p); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
