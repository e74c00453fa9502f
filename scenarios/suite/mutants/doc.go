// Package mutants is vipd broken on purpose, in one way at a time, and the
// scenario of the catalogue that must catch each. Its tests build the mutants
// and play the scenarios: with a mutant the scenario must fail, and with the
// daemon as it is it must pass.
//
// The daemon itself has no hooks for this. A mutant is a text in place of
// another in its source, laid over the file for one build (go build -overlay);
// when the source changes so that the text is not there, a quick test says so.
package mutants
