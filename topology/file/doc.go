// Package file reads topology files (*.lab.yaml) into a topology.Spec, and has
// those that ship with the program.
//
// Reading is strict: an unknown key, a key given twice, a value of the wrong
// kind and everything that topology.Spec.Problems finds is an error with file,
// line and column, in the order of the file: first all that does not fit the
// format, and when that fits, all that does not make a topology. What a file
// may say is one table (keys.go), from which the reader, the JSON Schema and
// the check of the documentation are made.
//
// It imports package topology and nothing else of ours.
package file
