// Package fault is the closed set of faults, as data: what each is called,
// what it does in words, how it is undone, and what is to be expected of it.
//
// A World injects and heals them; nothing here touches anything. Standard
// library only.
package fault
