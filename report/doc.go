// Package report measures failovers as RFC 6414 defines them, from a history
// and from nothing else, and writes the measures as text, JSON and JUnit.
//
// Analyze turns one history into Measures; the caller joins each with its
// Judgement to a Trial and all trials to a Run. Judgements come in as values
// of package history: this package doesn't judge. docs/report.md explains
// every field.
//
// Of ours it imports only packages history and report/stat.
package report
