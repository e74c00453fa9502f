package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stage records what runs, and how much of it at once.
type stage struct {
	mutex         sync.Mutex
	ran           []string
	running, most int
	log           bytes.Buffer
}

// run runs for as long as the second word says, or for ever.
func (s *stage) run(ctx context.Context, c Command) (bool, string) {
	s.mutex.Lock()
	s.ran = append(s.ran, c.Words[0])
	s.running++
	s.most = max(s.most, s.running)
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.running--
	}()
	if len(c.Words) == 1 {
		return true, "succeeded"
	}
	var end <-chan time.Time
	if took, err := time.ParseDuration(c.Words[1]); err == nil {
		end = time.After(took)
	}
	select {
	case <-end:
		return true, "succeeded"
	case <-ctx.Done():
		return false, "ended"
	}
}

// now is how many run.
func (s *stage) now() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.running
}

func (s *stage) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&s.log, nil)) }

func (s *stage) want(t *testing.T, words string) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if got := strings.Join(s.ran, " "); got != words {
		t.Errorf("ran %q, want %q", got, words)
	}
}

func on(f func(t *testing.T, s *stage, r *Runner)) func(*testing.T) {
	return func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{}
			r := NewRunner(s.run, s.logger())
			f(t, s, r)
		})
	}
}

func command(words string) Command { return Command{Words: strings.Fields(words)} }

func instance(name string, event Event) Notice { return Notice{Name: name, Event: event} }

func TestScriptsOfOneInstanceKeepTheirOrder(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		r.Add(instance("A", Backup), command("a1 5s"), command("a2"))
		r.Add(instance("A", Master), command("a3"))
		r.Add(instance("B", Master), command("b1"))
		r.Close(time.Minute)
		got := slices.DeleteFunc(slices.Clone(s.ran), func(one string) bool { return one == "b1" })
		if !slices.Equal(got, []string{"a1", "a2", "a3"}) || len(s.ran) != 4 {
			t.Errorf("ran %q", s.ran)
		}
	})(t)
}

func TestHungScriptIsEndedWhenOthersWait(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		r.Add(instance("A", Backup), command("a1 ever"))
		time.Sleep(10 * time.Minute)
		if running := s.now(); running != 1 {
			t.Error("it was ended although nobody waited")
		}
		r.Add(instance("A", Master), command("a2"))
		time.Sleep(2 * patienceAgain)
		r.Close(time.Second)
		s.want(t, "a1 a2")
		if text := s.log.String(); !strings.Contains(text, "runs for a long time") ||
			!strings.Contains(text, `hangs and is ended" of="INSTANCE A" event=BACKUP script="a1 ever"`) {
			t.Error(text)
		}
	})(t)
}

func TestNoMoreThanSoManyScriptsAtOnce(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		for n := range 10 * runningMax {
			r.Add(instance(string(rune('A'+n)), Master), command("x 1s"))
		}
		r.Close(time.Hour)
		if len(s.ran) != 10*runningMax || s.most != runningMax {
			t.Errorf("ran %d, at once %d", len(s.ran), s.most)
		}
	})(t)
}

func TestQueueDoesNotGrow(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		r.Add(instance("A", Backup), command("first 10s"))
		synctest.Wait()
		for range queueMax {
			r.Add(instance("A", Master), command("old"))
		}
		r.Add(instance("A", LowerHeard), command("lower"))
		r.Add(instance("A", Fault), command("last"))
		r.Close(time.Minute)
		s.want(t, "first last")
		if !strings.Contains(s.log.String(), "notify scripts are behind") {
			t.Error("that is not logged")
		}
	})(t)
}

func TestOneEventOfALowerPriorityWaits(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		r.Add(instance("A", Master), command("m 1s"))
		synctest.Wait()
		for range 5 {
			r.Add(instance("A", LowerHeard), command("lower"))
		}
		r.Close(time.Minute)
		s.want(t, "m lower")
	})(t)
}

func TestCloseEndsWhatHangs(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		r.Add(instance("A", Stop), command("hang ever"), command("never"))
		began := time.Now()
		r.Close(5 * time.Second)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		if running := s.now(); running != 0 {
			t.Errorf("%d run", running)
		}
		s.want(t, "hang")
	})(t)
}

func TestKeepStartsAgain(t *testing.T) {
	on(func(t *testing.T, s *stage, r *Runner) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		Keep(ctx, s.run, command("reader"), s.logger())
		s.want(t, "reader reader reader reader")
		r.Close(0)
	})(t)
}

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	f, err := OpenFIFO(path, &Owner{UID: os.Geteuid(), GID: os.Getegid()})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("%v, %v", info, err)
	}
	for _, test := range []struct {
		notice Notice
		line   string
	}{
		{Notice{Name: "V 1", Event: Master, Priority: 200}, "INSTANCE \"V 1\" MASTER 200\n"},
		{Notice{IsGroup: true, Name: "G", Event: Fault}, "GROUP \"G\" FAULT 0\n"},
		{Notice{Name: "V", Event: LowerHeard, Priority: 7}, "INSTANCE \"V\" MASTER_RX_LOWER_PRI 7\n"},
		{Notice{Name: "V", Event: BackupPriority, Priority: 7}, "INSTANCE \"V\" BACKUP_PRIORITY 7\n"},
	} {
		if err := f.Write(test.notice); err != nil {
			t.Fatal(err)
		}
		reader, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 100)
		n, err := reader.Read(buffer)
		if err != nil || string(buffer[:n]) != test.line {
			t.Errorf("read %q, %v; want %q", buffer[:n], err, test.line)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
	f.Close()
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("it is still there")
	}
}

// TestFIFOWithoutReader fills it: nothing blocks, and one error tells of it.
func TestFIFOWithoutReader(t *testing.T) {
	f, err := OpenFIFO(filepath.Join(t.TempDir(), "fifo"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	failures := 0
	for range 10000 {
		if f.Write(Notice{Name: "V1", Event: Backup, Priority: 100}) != nil {
			failures++
		}
	}
	if failures != 1 || f.dropped < 1000 {
		t.Errorf("%d errors, %d dropped", failures, f.dropped)
	}
}

func TestWhatIsNoFIFOIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFIFO(path, nil); err == nil {
		t.Error("a file was opened")
	}
}
