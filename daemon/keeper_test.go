package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"
)

// takeAll is all that a keeper has for its guardian, by message.
func takeAll(k *keeper) (messages [][]guardedInstance) {
	for some := k.take(); len(some) > 0; some = k.take() {
		messages = append(messages, some)
	}
	return messages
}

func namesTold(messages [][]guardedInstance) (names []string) {
	for _, i := range slices.Concat(messages...) {
		names = append(names, i.Name)
	}
	return names
}

func TestKeeperTellsWhatChangedOnce(t *testing.T) {
	k := newKeeper(slog.New(slog.DiscardHandler), nil, 0, time.Now())
	backup := guardedOf("VJ")
	backup.Active = false
	k.tell([]guardedInstance{guardedOf("VI"), backup})
	want(t, "at first", namesTold(takeAll(k)), []string{"VI", "VJ"})

	k.tell([]guardedInstance{backup})
	k.tell([]guardedInstance{guardedOf("VK")})
	k.tell([]guardedInstance{guardedOf("VJ")})
	messages := takeAll(k)
	want(t, "of changes", namesTold(messages), []string{"VJ", "VK"})
	if !messages[0][0].Active {
		t.Error("what VJ was is told, not what it is")
	}
	want(t, "without changes", namesTold(takeAll(k)), nil)

	k.tell([]guardedInstance{guardedOf("VK")})
	k.begin()
	want(t, "a new guardian", namesTold(takeAll(k)), []string{"VI", "VJ", "VK"})
}

// The messages stay short, however many instances there are.
func TestKeeperTellsInPortions(t *testing.T) {
	k := newKeeper(slog.New(slog.DiscardHandler), nil, 0, time.Now())
	var all []guardedInstance
	var names []string
	for n := range 100 {
		names = append(names, fmt.Sprintf("V%d", n))
		all = append(all, guardedOf(names[n]))
	}
	k.tell(all)
	messages := takeAll(k)
	want(t, "told", namesTold(messages), names)
	if len(messages) != 4 || len(messages[0]) != instancesMax {
		t.Errorf("%d messages, the first of %d instances", len(messages), len(messages[0]))
	}
}

// Only what changes is told: with a thousand instances, a thousand changes are
// a thousand instances told, not a million.
func TestLoopPublishesWhatChangedOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150, twoInstances))
		told := make(chan string, 10)
		n1.loop.tell = func(changes []guardedInstance) {
			for _, i := range changes {
				told <- fmt.Sprint(i.Name, " ", i.Active)
			}
		}
		take := func() (all []string) {
			for len(told) > 0 {
				all = append(all, <-told)
			}
			return all
		}
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		want(t, "at the start", take(), []string{"VI false", "VJ false"})
		pass(9 * time.Second)
		want(t, "at the takeover", take(), []string{"VI true", "VJ true"})
		n1.setRunning("eth1", false)
		pass(10 * time.Second)
		want(t, "of a fault", take(), []string{"VJ false"})
	})
}
