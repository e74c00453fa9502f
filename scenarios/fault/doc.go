// Package fault is the closed set of faults, as data: what each is called,
// which parameters it takes, what it does in words, how it is undone, and what
// it needs.
//
// A World injects and heals them; nothing here touches anything. Standard
// library only.
package fault
