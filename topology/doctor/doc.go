// Package doctor finds out what this kernel and this user can do, by trying it
// in a sandbox that leaves nothing behind.
//
// It imports topology/sandbox and topology/impair only.
package doctor
