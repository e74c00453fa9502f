// Package stat summarizes samples and compares them: medians with their
// intervals, the Mann-Whitney U test, and warnings where there are too few
// samples to say something. Nothing is assumed about how samples are
// distributed, and none is left out.
//
// It imports the standard library only.
package stat
