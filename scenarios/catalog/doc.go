// Package catalog holds the files that ship with the project: clusters to
// start from, in the languages that their programs read.
//
// It imports topology/file and scenarios/scene.
package catalog
