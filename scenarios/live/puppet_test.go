package live

import (
	"reflect"
	"testing"
	"time"

	"takeover/scenarios/history"
)

// Followed by the letter, a timetable leaves one owner but where it says so.
func TestTimetable(t *testing.T) {
	const cycles = 50
	begin := 2 * time.Second
	tasks := timetable(7, cycles, begin)
	if want := 2 + cycles*len(history.Deeds()); len(tasks) != want {
		t.Fatalf("%d tasks, want %d", len(tasks), want)
	}
	holds := map[string]bool{}
	var before time.Duration
	for i, task := range tasks {
		if task.at < before {
			t.Errorf("task %d at %s is before %s", i, task.at, before)
		}
		before = task.at
		if task.cycle > 0 {
			if want := history.Deeds()[(i-2)%len(history.Deeds())]; task.deed != want {
				t.Errorf("task %d is %s, want %s", i, task.deed, want)
			}
			from := begin + time.Duration(task.cycle-1)*cyclePeriod
			if task.at < from || task.at > from+cyclePeriod-shortestStep {
				t.Errorf("%s of cycle %d at %s is not in it", task.deed, task.cycle, task.at)
			}
		}
		switch task.deed {
		case history.DeedAdded, history.DeedAddedAgain:
			if holds[task.host] {
				t.Errorf("task %d: %s has the VIP already", i, task.host)
			}
			holds[task.host] = true
		case history.DeedRemoved, history.DeedRemovedAgain:
			if !holds[task.host] {
				t.Errorf("task %d: %s has no VIP", i, task.host)
			}
			delete(holds, task.host)
		case history.DeedAdvertised, history.DeedAnnounced:
		}
		if want := task.deed == history.DeedAddedAgain; (len(holds) == 2) != want {
			t.Errorf("after %s of cycle %d %d have the VIP", task.deed, task.cycle, len(holds))
		}
	}
	if !reflect.DeepEqual(tasks, timetable(7, cycles, begin)) {
		t.Error("another timetable from the same seed")
	}
	if reflect.DeepEqual(tasks, timetable(8, cycles, begin)) {
		t.Error("the same timetable from another seed")
	}
}
