package daemon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/track"
)

// statusOf asks a node for its status.
func statusOf(t *testing.T, n *node) control.Status {
	t.Helper()
	status, instances, err := n.asked.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status.Instances = slices.Collect(instances)
	return status
}

func TestStatusTellsWhoIsActive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1, n2 := w.add(1, configured(150)), w.add(2, configured(100))
		pass(10 * time.Second)
		active, backup := statusOf(t, n1).Instances[0], statusOf(t, n2).Instances[0]
		if active.State != "Active" || !active.Active.Self || active.Transitions != 2 || active.BecameActive != 1 ||
			active.Sent != 7 || !active.Addresses[0].Set || time.Since(active.Since).Round(time.Millisecond) != 6586*time.Millisecond {
			t.Errorf("the Active says %+v, of the Active %+v", active, active.Active)
		}
		want := control.Active{Address: netip.MustParseAddr("10.0.0.1"), Priority: 150, Interval: 1000}
		if backup.State != "Backup" || *backup.Active != want || backup.Received != 7 || backup.Sent != 0 || backup.Addresses[0].Set {
			t.Errorf("the Backup says %+v, of the Active %+v", backup, backup.Active)
		}
	})
}

func TestStatusCountsAndStartsAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add(1, configured(100))
		d := advert(t, 0)
		n.deliver(nil, d)
		d.TTL = 3
		for range 2 {
			n.deliver(nil, d)
		}
		pass(time.Second)
		i := statusOf(t, n).Instances[0]
		if i.Refused["wrong TTL"] != 2 || i.Received != 1 || i.PriorityZeroReceived != 1 {
			t.Errorf("refused %v, received %d, of priority 0 %d", i.Refused, i.Received, i.PriorityZeroReceived)
		}
		var text strings.Builder
		if err := n.asked.WriteStats(t.Context(), &text, true); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "    TTL: 2\n") {
			t.Errorf("statistics:\n%s", &text)
		}
		if i := statusOf(t, n).Instances[0]; i.Refused != nil || i.Received != 0 {
			t.Errorf("afterwards %v, %d", i.Refused, i.Received)
		}
	})
}

func TestStatusTellsOfTrackersAndFaults(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add(1, configured(100, func(c *config.Config) {
			c.Scripts = []config.Script{{Name: "s", Command: []string{"/bin/s"}, Rise: 1, Fall: 1}}
			c.Instances[0].TrackScripts = []config.TrackScript{{Name: "s"}}
		}))
		pass(time.Second)
		status := statusOf(t, n)
		if got := status.Instances[0].Fault; got != "script s has not returned yet" {
			t.Errorf("fault %q", got)
		}
		n.results <- track.Result{Kind: track.KindScript, Name: "s", Status: "exited with status 1"}
		pass(time.Second)
		status = statusOf(t, n)
		tracked := status.Instances[0].Tracked[0]
		if got := status.Trackers[0]; got.State != "down" || got.Detail != "exited with status 1" || tracked.Fault != "script s failed" {
			t.Errorf("tracker %+v, tracked %+v", got, tracked)
		}
	})
}

// A loop that does not come by makes nobody wait longer than he wants.
func TestInquiriesOfALoopThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewInquiries()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := q.Status(ctx); !errors.Is(err, errNotAnswered) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("status: %v", err)
		}
		if err := q.Ping(ctx); !errors.Is(err, errNotAnswered) {
			t.Errorf("ping: %v", err)
		}
	})
}

func TestEventsTellWhatHappens(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.prepare(1, configured(100))
		n.loop.events = control.NewHub()
		heard := listenToHub(t, n.loop.events)
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		n.deliver(nil, advert(t, 200))
		pass(time.Second)
		want(t, "events", heard(), []string{
			"state VI Initialize Backup", "state VI Backup Active", "address VI 10.0.0.100/32 set",
			"state VI Active Backup",
		})
	})
}

// listenToHub runs a hub in a bubble; what it returns are the events so far.
func listenToHub(t *testing.T, h *control.Hub) func() []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go h.Run(ctx)
	t.Cleanup(cancel)
	return func() []string {
		synctest.Wait()
		var lines []string
		for _, e := range h.Recent() {
			words := []string{string(e.Kind), e.Instance, e.Name, e.From, e.To}
			lines = append(lines, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
		}
		return lines
	}
}

// The dumps of a file's configurations, as transcripts.
func TestDumps(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = zone })
	datadriven.Walk(t, "testdata/dumps", func(t *testing.T, path string) {
		var c *config.Config
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "config" {
				var err error
				if c, err = config.Parse("test.conf", []byte(d.Input)); err != nil {
					return err.Error()
				}
				return "ok"
			}
			after := 5 * time.Second
			var text strings.Builder
			inWorld(t, func(t *testing.T, w *world) {
				n := w.add(1, c)
				if d.HasArg("active") { // which is another router
					pass(time.Second)
					n.deliver(nil, advert(t, 200))
					after = 2 * time.Second
				}
				pass(after)
				write := map[string]func() error{
					"data":  func() error { return n.asked.WriteData(t.Context(), &text) },
					"stats": func() error { return n.asked.WriteStats(t.Context(), &text, false) },
					"json":  func() error { return n.asked.WriteJSON(t.Context(), &text) },
				}[d.Cmd]
				if err := write(); err != nil {
					t.Fatal(err)
				}
			})
			return text.String()
		})
	})
}
