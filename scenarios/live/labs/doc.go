// Package labs keeps the labs that stand: where they live, who holds them, and
// what is left of those whose holder is gone.
//
// A lab is held by one process, and lives in a directory of its own below a
// home. The holder has a lock on a file there for as long as it lives, so that
// a directory without a lock is what a dead holder left: nothing but files, for
// the kernel took all the rest down with it.
//
// It imports scenarios/live and what that imports.
package labs
