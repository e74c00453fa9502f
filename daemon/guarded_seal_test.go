package daemon

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

var (
	sealSource = netip.MustParseAddr("10.0.0.1")
	sealTime   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	// sealPayload is a whole advertisement: a trailer stands behind it.
	sealPayload = []byte{0x31, 7, 0, 1, 0, 100, 0, 0, 10, 0, 0, 100}
)

func mustSeal(t *testing.T, i config.Instance) *seal {
	t.Helper()
	s, err := sealOf(i)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func mustClose(t *testing.T, s *seal, now time.Time) transport.Datagram {
	t.Helper()
	packet, err := s.close(now, sealSource, transport.Group(), transport.TTL, sealPayload)
	if err != nil {
		t.Fatal(err)
	}
	return transport.Datagram{Source: sealSource, TTL: transport.TTL, Payload: packet, Packet: packet}
}

// overPipe is the seal as a guardian makes it of what it was told.
func overPipe(t *testing.T, told *guardedSeal) (guardedSeal, *seal) {
	t.Helper()
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	var heard guardedSeal
	if err := json.Unmarshal(text, &heard); err != nil {
		t.Fatal(err)
	}
	s, err := heard.seal()
	if err != nil {
		t.Fatal(err)
	}
	return heard, &s
}

// A peer accepts a farewell after the worker's last advertisement, whatever
// numbers the worker had come to, and the next worker's advertisements after
// the farewell. The worker's number is ahead of the clock when it has heard
// one that is.
func TestFarewellNumberIsAboveTheWorkers(t *testing.T) {
	secured := config.Instance{AuthType: config.AuthHeader, AuthPass: "secret"}
	for _, ahead := range []time.Duration{0, time.Second, 5 * time.Second, 24 * time.Hour} {
		for _, silent := range []time.Duration{0, 500 * time.Millisecond, 3 * time.Second} {
			now := sealTime
			worker, peer, other := mustSeal(t, secured), mustSeal(t, secured), mustSeal(t, secured)
			d := mustClose(t, other, now.Add(ahead))
			d.Source = netip.MustParseAddr("10.0.0.2") // the sequence looks at the source only
			if _, err := worker.open(now, d); err != nil {
				t.Fatal(err)
			}
			told := worker.guarded(now)
			for n := range 20 {
				if n >= 10 { // out of turn
					now = now.Add(100 * time.Millisecond)
				} else {
					now = now.Add(time.Second)
				}
				d := mustClose(t, worker, now)
				if _, err := peer.open(now, d); err != nil {
					t.Fatal(err)
				}
				if worker.isAhead(now) {
					told = worker.guarded(now)
				}
			}
			now = now.Add(silent)
			heard, guardian := overPipe(t, told)
			if _, err := peer.open(now, mustClose(t, guardian, heard.ahead(now))); err != nil {
				t.Errorf("peer's clock ahead by %s, silent for %s: farewell: %v", ahead, silent, err)
			}
		}
	}
}

func TestFarewellTrailerIsInTheWindow(t *testing.T) {
	const window = 5 * time.Second
	secured := config.Instance{Version: 3, HMAC: &config.HMAC{
		Keys:      []config.HMACKey{{ID: 3, Inline: "0123456789abcdef0123456789abcdef"}},
		ActiveKey: 3, Window: window, Mode: config.HMACEnforce,
	}}
	worker, peer := mustSeal(t, secured), mustSeal(t, secured)
	told := worker.guarded(sealTime) // long before
	for n := range 3600 {
		now := sealTime.Add(time.Duration(n) * time.Second)
		if _, err := peer.open(now, mustClose(t, worker, now)); err != nil {
			t.Fatal(err)
		}
	}
	now := sealTime.Add(time.Hour)
	heard, guardian := overPipe(t, told)
	farewell := mustClose(t, guardian, heard.ahead(now))
	if _, err := mustSeal(t, secured).open(now.Add(window+2*time.Second), farewell); err == nil {
		t.Error("accepted after its window")
	}
	if _, err := peer.open(now, farewell); err != nil {
		t.Errorf("farewell: %v", err)
	}
}

// An instance without any seal needs none of its guardian.
func TestFarewellWithoutASeal(t *testing.T) {
	if told := mustSeal(t, config.Instance{AuthType: config.AuthPassword, AuthPass: "secret"}).guarded(sealTime); told != nil {
		t.Errorf("told %+v", told)
	}
	var none *guardedSeal
	s, err := none.seal()
	if err != nil {
		t.Fatal(err)
	}
	if d := mustClose(t, &s, sealTime); string(d.Payload) != string(sealPayload) {
		t.Errorf("sent %x", d.Payload)
	}
}

// A worker whose numbers run away from the clock tells so.
func TestNumbersThatRunAheadArePublished(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		i := n1.loop.instances[0]
		i.seal.ah = &vrrp.AH{}
		now := time.Now()
		i.seal.guarded(now)
		if i.seal.isAhead(now) {
			t.Error("ahead before anything was sent")
		}
		i.seal.number = uint32(now.Unix()) + 100
		if !i.seal.isAhead(now) {
			t.Error("not ahead with a number of 100 s from now")
		}
		if told := i.seal.guarded(now); told.Lead < 99*time.Second || told.Lead > 101*time.Second || i.seal.isAhead(now) {
			t.Errorf("told %+v, ahead %t", told, i.seal.isAhead(now))
		}
	})
}
