package historytest

import (
	"slices"
	"time"

	"takeover/scenarios/history"
)

// Drop removes the events that match.
func Drop(events []history.Event, match func(history.Event) bool) []history.Event {
	return slices.DeleteFunc(slices.Clone(events), match)
}

// DropKind removes the events of one kind that match.
func DropKind[B history.Body](events []history.Event, match func(e history.Event, body B) bool) []history.Event {
	return Drop(events, func(e history.Event) bool {
		body, ok := e.Body.(B)
		return ok && match(e, body)
	})
}

// Change replaces the bodies of one kind.
func Change[B history.Body](events []history.Event, change func(e history.Event, body B) B) []history.Event {
	changed := slices.Clone(events)
	for i, e := range changed {
		if body, ok := e.Body.(B); ok {
			changed[i].Body = change(e, body)
		}
	}
	return changed
}

// Cut ends the history at t with the given phase.
func Cut(events []history.Event, t time.Duration, phase history.PhaseName) []history.Event {
	kept := Drop(events, func(e history.Event) bool { return e.At > t })
	return append(kept, history.Event{ID: len(kept) + 1, At: t, Body: history.Phase{Name: phase}})
}

// FaultAt is when the fault was injected.
func FaultAt(events []history.Event) time.Duration {
	return history.Select[history.FaultStart](events)[0].At
}

// HealedAt is when the healing was complete.
func HealedAt(events []history.Event) time.Duration {
	return history.Select[history.FaultEnd](events)[0].At
}
