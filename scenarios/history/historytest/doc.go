// Package historytest plays the ideal trial of each fault, as a history, for
// tests of what reads histories. A test takes one and spoils it.
//
// It knows nothing of real subjects: every number in it follows from the
// RFC's timers and a few constants. It imports only package history.
package historytest
