package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/config"
	"takeover/daemon/track"
)

// written parses a configuration.
func written(t interface{ Fatal(...any) }, text string) *config.Config {
	c, err := config.Parse("vipd.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// router is the text of an instance on eth0.
func router(name string, vrid int, lines ...string) string {
	return fmt.Sprintf("vrrp_instance %s {\ninterface eth0\nvirtual_router_id %d\nvip_lease off\n%s\n}\n",
		name, vrid, strings.Join(lines, "\n"))
}

func addresses(prefixes ...string) string {
	return "virtual_ipaddress {\n" + strings.Join(prefixes, "\n") + "\n}"
}

// reload has the node go over to another configuration.
func (n *node) reload(c *config.Config) error {
	done := make(chan error, 1)
	n.reloads <- Reload{Config: c, Done: done}
	err := <-done
	synctest.Wait()
	return err
}

// reloaded runs a node through configurations and returns what each did.
func reloaded(t *testing.T, texts ...string) (all [][]string) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add(1, written(t, texts[0]))
		pass(4 * time.Second)
		w.take("")
		for _, text := range texts[1:] {
			if err := n.reload(written(t, text)); err != nil {
				t.Fatal(err)
			}
			all = append(all, slices.DeleteFunc(w.take("n1"), func(line string) bool {
				return strings.Contains(line, "log configuration reloaded") || strings.Contains(line, "log running")
			}))
		}
	})
	return all
}

func TestReloadOfTheSameDoesNothing(t *testing.T) {
	text := router("VI", 7, "priority 150", addresses("10.0.0.100"))
	got := reloaded(t, text, "# moved down\n\n"+text)
	want(t, "reload", got[0], nil)
}

func TestReloadChangesAnActiveInPlace(t *testing.T) {
	got := reloaded(t,
		router("VI", 7, "priority 150", addresses("10.0.0.100", "10.0.0.101")),
		router("VI", 7, "priority 150", addresses("10.0.0.100", "10.0.0.102")),
		router("VI", 7, "priority 120", addresses("10.0.0.100", "10.0.0.102")),
		router("VI", 7, "priority 120", "advert_int 2", addresses("10.0.0.100", "10.0.0.102")),
		router("VI", 7, "priority 120", "advert_int 2", addresses("10.0.0.100/24", "10.0.0.102")),
	)
	want(t, "addresses", got[0], []string{
		"4.000 n1 listen eth0 2 from 10.0.0.1",
		"4.000 n1 close eth0 2",
		"4.000 n1 advertise 7 priority 150",
		"4.000 n1 remove 10.0.0.101/32 on 2",
		"4.000 n1 set 10.0.0.102/32 on 2",
		"4.000 n1 announce 10.0.0.102 x5 on eth0",
	})
	want(t, "priority", got[1], []string{
		"4.000 n1 log priority changed instance=VI from=150 to=120",
	})
	want(t, "interval", got[2], []string{
		"4.000 n1 advertise 7 priority 120",
	})
	want(t, "prefix", got[3], []string{
		"4.000 n1 remove 10.0.0.100/32 on 2",
		"4.000 n1 set 10.0.0.100/24 on 2",
		"4.000 n1 announce 10.0.0.100 x5 on eth0",
	})
}

func TestReloadAddsAndRemovesInstances(t *testing.T) {
	one := router("VI", 7, "priority 150", addresses("10.0.0.100"))
	two := router("VJ", 8, "priority 255", addresses("10.0.0.101"))
	got := reloaded(t, one, one+two, two)
	want(t, "added", got[0], []string{
		"4.000 n1 advertise 8 priority 255",
		"4.000 n1 set 10.0.0.101/32 on 2",
		"4.000 n1 announce 10.0.0.101 x5 on eth0",
		"4.000 n1 log state changed instance=VJ from=Initialize to=Active reason=startup of the address owner",
	})
	want(t, "removed", got[1], []string{
		"4.000 n1 advertise 7 priority 0",
		"4.000 n1 remove 10.0.0.100/32 on 2",
		"4.000 n1 log state changed instance=VI from=Active to=Initialize reason=not in the configuration any more",
		"4.000 n1 listen eth0 2 from 10.0.0.1", // for other addresses than before
		"4.000 n1 close eth0 2",
	})
}

func TestReloadMakesAnotherVirtualRouterAnew(t *testing.T) {
	got := reloaded(t,
		router("VI", 7, "priority 150", addresses("10.0.0.100")),
		router("VI", 9, "priority 150", addresses("10.0.0.100")),
	)
	want(t, "another VRID", got[0], []string{
		"4.000 n1 advertise 7 priority 0",
		"4.000 n1 remove 10.0.0.100/32 on 2",
		"4.000 n1 log state changed instance=VI from=Active to=Initialize reason=not in the configuration any more",
		"4.000 n1 close eth0 2",
		"4.000 n1 listen eth0 2 from 10.0.0.1",
		"4.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
	})
}

func TestReloadFormsAndDissolvesSyncGroups(t *testing.T) {
	one := router("VI", 7, "priority 150", addresses("10.0.0.100"))
	two := router("VJ", 8, "priority 150", addresses("10.0.0.101"))
	group := "vrrp_sync_group G {\ngroup {\nVI\nVJ\n}\n}\n"
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add(1, written(t, one+two))
		pass(4 * time.Second)
		w.take("")
		for _, step := range []struct{ text, down string }{
			{one + two + group, "VI VJ"}, {one + two, "VJ"},
		} {
			if err := n.reload(written(t, step.text)); err != nil {
				t.Fatal(err)
			}
			want(t, "transitions", w.take("state changed"), nil)
			pass(2 * time.Second)
			if err := n.reload(written(t, strings.Replace(step.text, "virtual_router_id 8", "virtual_router_id 8\ntrack_interface {\neth1\n}", 1))); err != nil {
				t.Fatal(err)
			}
			n.setRunning("eth1", false)
			synctest.Wait()
			var down []string
			for _, i := range n.loop.instances {
				if !i.unit.started {
					down = append(down, i.config.Name)
				}
			}
			if got := strings.Join(down, " "); got != step.down {
				t.Errorf("down %q, want %q", got, step.down)
			}
			n.setRunning("eth1", true)
			pass(5 * time.Second)
			if !n.has("10.0.0.100/32") || !n.has("10.0.0.101/32") {
				t.Error("not Active again")
			}
			w.take("")
		}
	})
}

// TestReloadAddsToAnActiveGroup: who joins it becomes Active as well.
func TestReloadAddsToAnActiveGroup(t *testing.T) {
	one := router("VI", 7, "priority 150", addresses("10.0.0.100"))
	two := router("VJ", 8, "priority 150", addresses("10.0.0.101"))
	got := reloaded(t, one, one+two+"vrrp_sync_group G {\ngroup {\nVI\nVJ\n}\n}\n")
	want(t, "reload", got[0], []string{
		"4.000 n1 listen eth0 2 from 10.0.0.1",
		"4.000 n1 close eth0 2",
		"4.000 n1 log state changed instance=VJ from=Initialize to=Backup reason=startup",
		"4.000 n1 advertise 8 priority 150",
		"4.000 n1 set 10.0.0.101/32 on 2",
		"4.000 n1 announce 10.0.0.101 x5 on eth0",
		"4.000 n1 log state changed instance=VJ from=Backup to=Active reason=sync group G is Active",
	})
}

func TestRefusedReloadChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		text := router("VI", 7, "priority 150", addresses("10.0.0.100"))
		n := w.add(1, written(t, text))
		pass(4 * time.Second)
		w.take("")
		err := n.reload(written(t, router("VI", 7, "priority 90", addresses("10.0.0.100", "10.0.0.7 dev eth9"))))
		if wanted := "vipd.conf:1: vrrp_instance VI: interface eth9 does not exist"; err == nil || err.Error() != wanted {
			t.Errorf("error %v, want %s", err, wanted)
		}
		want(t, "reload", w.take("n1"), nil)
		pass(500 * time.Millisecond)
		want(t, "advertisements", w.take("n1"), []string{"4.414 n1 advertise 7 priority 150"})
	})
}

// TestReloadWithANewScript: what runs is not held up by a script that has not
// returned yet, and is judged by it when it has.
func TestReloadWithANewScript(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.add(1, written(t, router("VI", 7, "priority 150", addresses("10.0.0.100"))))
		pass(4 * time.Second)
		w.take("")
		script := "vrrp_script S {\nscript /bin/true\n}\n"
		tracking := router("VI", 7, "priority 150", "track_script {\nS\n}", addresses("10.0.0.100"))
		if err := n.reload(written(t, script+tracking)); err != nil {
			t.Fatal(err)
		}
		want(t, "transitions", w.take("state changed"), nil)
		n.results <- track.Result{Name: "S", First: true}
		synctest.Wait()
		want(t, "failed", w.take("state changed"), []string{
			"4.000 n1 log state changed instance=VI from=Active to=Initialize reason=script S failed",
		})
		// It is known by now: another reload does not forget it.
		if err := n.reload(written(t, script+strings.Replace(tracking, "150", "151", 1))); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if n.has("10.0.0.100/32") {
			t.Error("Active although the script failed")
		}
	})
}

// TestReloadedIsAsStarted goes through random configurations: after each, the
// loop is like one that has started with it, and once time has passed the
// addresses are those of the configuration.
func TestReloadedIsAsStarted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.SliceOfN(rapid.Custom(drawConfiguration), 2, 5).Draw(r, "texts")
		pauses := make([]time.Duration, len(texts))
		for n := range pauses {
			pauses[n] = time.Duration(rapid.IntRange(0, 5000).Draw(r, "ms")) * time.Millisecond
		}
		wrong := ""
		inWorld(t, func(t *testing.T, w *world) {
			n := w.add(1, written(r, texts[0]))
			for at, text := range texts[1:] {
				pass(pauses[at])
				if err := n.reload(written(r, text)); err != nil {
					wrong = err.Error()
					return
				}
				fresh := w.prepare(1, written(r, text))
				w.forget(fresh)
				if got, wanted := shape(n.loop), shape(fresh.loop); got != wanted {
					wrong = fmt.Sprintf("after reload %d:\n%s\nwant\n%s", at+1, got, wanted)
					return
				}
			}
			pass(10 * time.Second)
			var set []string
			for _, a := range n.present[1:] {
				set = append(set, a.Prefix.String())
			}
			var wanted []string
			for _, i := range n.loop.config.Instances {
				for _, a := range i.VirtualAddresses {
					wanted = append(wanted, a.Prefix.String())
				}
			}
			slices.Sort(set)
			slices.Sort(wanted)
			if !slices.Equal(set, wanted) {
				wrong = fmt.Sprintf("set %s, want %s", set, wanted)
			}
		})
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

// drawConfiguration has up to 4 instances whose addresses do not overlap.
func drawConfiguration(t *rapid.T) string {
	var text strings.Builder
	free := rapid.Permutation([]string{"10.0.0.100", "10.0.0.101", "10.0.0.102/24", "10.0.0.103", "10.0.0.104 dev eth1", "10.0.0.105"}).Draw(t, "addresses")
	names := rapid.Permutation([]string{"A", "B", "C", "D"}).Draw(t, "names")
	var built []string
	for n := range rapid.IntRange(1, 4).Draw(t, "instances") {
		count := rapid.IntRange(1, max(1, min(3, len(free)-4+n))).Draw(t, "count")
		lines := []string{
			fmt.Sprintf("priority %d", rapid.SampledFrom([]int{90, 100, 255}).Draw(t, "priority")),
			fmt.Sprintf("advert_int %d", rapid.IntRange(1, 2).Draw(t, "interval")),
			addresses(free[:count]...),
		}
		free = free[count:]
		if rapid.Bool().Draw(t, "unicast") {
			lines = append(lines, "unicast_peer {\n10.0.0."+rapid.SampledFrom([]string{"2", "3"}).Draw(t, "peer")+"\n}")
		}
		if rapid.Bool().Draw(t, "tracks") {
			lines = append(lines, "track_interface {\neth1\n}")
		}
		if rapid.IntRange(0, 3).Draw(t, "vmac") == 0 {
			lines = append(lines, "use_vmac\nvmac_xmit_base")
		}
		vrid := rapid.SampledFrom([]int{1, 11}).Draw(t, "vrid") + int(names[n][0]-'A')
		text.WriteString(router(names[n], vrid, lines...))
		built = append(built, names[n])
	}
	if len(built) > 1 && rapid.Bool().Draw(t, "grouped") {
		members := rapid.Permutation(built).Draw(t, "members")[:2]
		text.WriteString("vrrp_sync_group G {\ngroup {\n" + strings.Join(members, "\n") + "\n}\n}\n")
	}
	return text.String()
}

// shape is what a loop consists of, without its state.
func shape(l *loop) string {
	var s strings.Builder
	for _, i := range l.instances {
		fmt.Fprintf(&s, "instance %s on %s to %v lease %s in", i.config.Name, i.listener.on.name, i.to, i.lease)
		for _, m := range i.unit.members {
			fmt.Fprintf(&s, " %s", m.config.Name)
		}
		for _, v := range i.virtuals {
			fmt.Fprintf(&s, ", %s on %s", v.prefix, v.on.name)
		}
		for _, t := range i.tracked {
			fmt.Fprintf(&s, ", tracks %s %d", t.name, t.weight.Value)
		}
		s.WriteString("\n")
	}
	var parts []string
	for name, a := range l.attachments {
		var of []string
		for _, listener := range a.listeners {
			var names []string
			for _, i := range listener.instances {
				names = append(names, i.config.Name)
			}
			slices.Sort(names)
			of = append(of, fmt.Sprintf("listener %v", names))
		}
		for _, v := range a.carried {
			of = append(of, v.prefix.String())
		}
		for _, i := range a.trackers {
			of = append(of, "tracked by "+i.config.Name)
		}
		for _, above := range a.above {
			of = append(of, "below "+above.name)
		}
		slices.Sort(of)
		parts = append(parts, fmt.Sprintf("%s: %s, %d addresses\n", name, strings.Join(of, ", "), len(a.carriedBy)))
	}
	slices.Sort(parts)
	fmt.Fprintf(&s, "%s%d attachments in order, %d listeners, %d units", strings.Join(parts, ""), len(l.ordered), len(l.listeners), len(l.units))
	return s.String()
}
