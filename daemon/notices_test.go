package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/notify"
	"takeover/daemon/vrrp"
)

// told gives a loop scripts that only record what they are run with.
func told(w *world, c *config.Config) *node {
	for i := range c.Instances {
		c.Instances[i].Notify = scriptsFor(c.Instances[i].Name)
	}
	for g := range c.Groups {
		c.Groups[g].Notify = scriptsFor(c.Groups[g].Name)
	}
	n := w.prepare(1, c)
	n.loop.notices = newNotices(n.loop.logger)
	n.loop.notices.run = func(_ context.Context, c notify.Command) (bool, string) {
		n.record("%s run %s", n.name, strings.Join(c.Words, " "))
		return true, "succeeded"
	}
	n.loop.notices.runner = notify.NewRunner(n.loop.notices.run, n.loop.logger)
	n.loop.renotice()
	return n
}

func scriptsFor(name string) config.Notifies {
	command := func(event string) *config.Command {
		return &config.Command{Words: []string{event, name}, User: "root"}
	}
	return config.Notifies{
		Master: command("master"), Backup: command("backup"), Fault: command("fault"), Stop: command("stop"),
		Deleted: command("deleted"), LowerHeard: command("lower"), Any: command("any"), DeletedNamed: true,
	}
}

// TestScriptsAreRunAsByKeepalived is what keepalived 2.2.7 runs: the script of
// the event first, then the one of all events with four more arguments.
func TestScriptsAreRunAsByKeepalived(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := told(w, configured(150))
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		want(t, "start", w.take("n1 run"), []string{
			"0.000 n1 run backup VI",
			"0.000 n1 run any VI INSTANCE VI BACKUP 150",
			"3.414 n1 run master VI",
			"3.414 n1 run any VI INSTANCE VI MASTER 150",
		})
		n.setRunning("eth0", false)
		synctest.Wait()
		want(t, "fault", w.take("n1 run"), []string{
			"5.000 n1 run fault VI",
			"5.000 n1 run any VI INSTANCE VI FAULT 150",
		})
		n.stop()
		synctest.Wait()
		want(t, "stop", w.take("n1 run"), []string{
			"5.000 n1 run stop VI",
			"5.000 n1 run any VI INSTANCE VI STOP 150",
		})
	})
}

// TestGroupIsToldBehindItsMembers: nobody hears of the states that the members
// pass through.
func TestGroupIsToldBehindItsMembers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := configured(150, twoInstances)
		c.Groups = []config.SyncGroup{{Name: "G", Members: []string{"VI", "VJ"}}}
		n := told(w, c)
		path := filepath.Join(t.TempDir(), "fifo")
		pipe, err := notify.OpenFIFO(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		n.loop.notices.fifos = []*fifo{{pipe: pipe, cancel: func() {}}}
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		n.setRunning("eth1", false)
		synctest.Wait()
		n.stop()
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		buffer := make([]byte, 4096)
		got, err := file.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		pipe.Close()
		want(t, "lines", strings.Split(strings.TrimSpace(string(buffer[:got])), "\n"), []string{
			`INSTANCE "VI" BACKUP 150`, `INSTANCE "VJ" BACKUP 150`, `GROUP "G" BACKUP 0`,
			`INSTANCE "VI" MASTER 150`, `INSTANCE "VJ" MASTER 150`, `GROUP "G" MASTER 0`,
			`INSTANCE "VI" FAULT 150`, `INSTANCE "VJ" FAULT 150`, `GROUP "G" FAULT 0`,
			`INSTANCE "VI" STOP 150`, `INSTANCE "VJ" STOP 150`, `GROUP "G" STOP 0`,
		})
	})
}

// TestActiveTellsOfALowerPriority, and not of one that it discards, nor of the
// end of another Active, nor of what made it Active.
func TestActiveTellsOfALowerPriority(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		l := told(w, configured(255)).loop
		i := l.instances[0]
		i.listener.source = netip.MustParseAddr("10.0.0.1")
		router, err := i.build()
		if err != nil {
			t.Fatal(err)
		}
		i.use(router)
		router.Step(time.Now(), vrrp.Startup{})
		for _, test := range []struct {
			was       vrrp.State
			priority  uint8
			discarded bool
			told      []string
		}{
			{vrrp.Active, 100, false, []string{"0.000 n1 run lower VI"}},
			{vrrp.Active, 100, true, nil},
			{vrrp.Active, 0, false, nil},
			{vrrp.Backup, 100, false, nil},
		} {
			l.heard.Priority, l.isDiscarded = test.priority, test.discarded
			l.tellOfLower(i, test.was)
			synctest.Wait()
			want(t, fmt.Sprintf("%+v", test), w.take("n1 run"), test.told)
		}
	})
}

// TestReloadTellsOfWhatIsGone, and of nothing that stays.
func TestReloadTellsOfWhatIsGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := told(w, configured(150, twoInstances))
		if err := n.start(); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		w.take("")
		next := configured(150)
		next.Instances[0].Notify = scriptsFor("VI")
		if err := n.reload(next); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want(t, "reload", w.take("n1 run"), []string{
			"5.000 n1 run deleted VJ",
			"5.000 n1 run any VJ INSTANCE VJ DELETED 150",
		})
	})
}

// TestFIFOStaysOverAReload, also when its script changes, and goes with its
// keyword.
func TestFIFOStaysOverAReload(t *testing.T) {
	synctest.Test(t, fifoStaysOverAReload)
}

func fifoStaysOverAReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	n := newNotices(slog.New(slog.DiscardHandler))
	n.run = func(ctx context.Context, _ notify.Command) (bool, string) {
		<-ctx.Done()
		return false, "ended"
	}
	c := &config.Config{Global: config.Global{FIFO: config.NotifyFIFO{Path: path}}}
	n.adopt(c)
	first := n.fifos[0]
	n.adopt(&config.Config{Global: c.Global})
	if n.fifos[0] != first {
		t.Error("it was opened anew")
	}
	withScript := c.Global
	withScript.FIFO.Script = &config.Command{Words: []string{"/bin/reader"}, User: "root"}
	n.adopt(&config.Config{Global: withScript})
	if n.fifos[0] == first {
		t.Error("it has no script")
	}
	synctest.Wait() // the former one has ended
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	n.close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
