package track

import "time"

// Kind is what sort of thing a Result is of. Names are unique within a kind.
type Kind uint8

// The kinds of things that are tracked.
const (
	KindScript Kind = iota
	KindProcesses
	KindFile
)

// String is keepalived.conf's word: "script", "process" or "file".
func (k Kind) String() string {
	switch k {
	case KindScript:
		return "script"
	case KindProcesses:
		return "process"
	case KindFile:
		return "file"
	}
	return "invalid"
}

// Result says that the judgement of a script or of processes changed, or the
// number in a file.
type Result struct {
	Kind   Kind
	Name   string
	Up     bool          // of a file always
	First  bool          // there was no judgement before
	Number int           // how many processes there are, or what the file says
	Status string        // why: "exited with status 1", "1 of 2 processes"
	Took   time.Duration // how long a script's run took until it was judged
}
