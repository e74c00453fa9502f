package bfd

import "fmt"

// String is the RFC's name of the state (RFC 5880 §4.1).
func (s State) String() string {
	switch s {
	case AdminDown:
		return "AdminDown"
	case Down:
		return "Down"
	case Init:
		return "Init"
	case Up:
		return "Up"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// String is the RFC's name of the code, in lower case (RFC 5880 §4.1).
func (d Diagnostic) String() string {
	switch d {
	case DiagnosticNone:
		return "no diagnostic"
	case DiagnosticTimeExpired:
		return "control detection time expired"
	case DiagnosticEchoFailed:
		return "echo function failed"
	case DiagnosticNeighborDown:
		return "neighbor signaled session down"
	case DiagnosticForwardingReset:
		return "forwarding plane reset"
	case DiagnosticPathDown:
		return "path down"
	case DiagnosticConcatenatedDown:
		return "concatenated path down"
	case DiagnosticAdminDown:
		return "administratively down"
	case DiagnosticReverseConcatenated:
		return "reverse concatenated path down"
	}
	return fmt.Sprintf("Diagnostic(%d)", uint8(d))
}

// String names the refusal in a few words.
func (r Refusal) String() string {
	switch r {
	case RefusedVersion:
		return "wrong version"
	case RefusedLength:
		return "wrong length"
	case RefusedMultiplier:
		return "multiplier 0"
	case RefusedMultipoint:
		return "multipoint"
	case RefusedMyDiscriminator:
		return "my discriminator 0"
	case RefusedYourDiscriminator:
		return "your discriminator 0"
	case RefusedAuthentication:
		return "authentication"
	case RefusedSession:
		return "no such session"
	case RefusedSource:
		return "wrong source"
	case RefusedTTL:
		return "wrong TTL"
	}
	return fmt.Sprintf("Refusal(%d)", uint8(r))
}

// RefusalError is Decode's error: which check failed, and the detail.
type RefusalError struct {
	Refusal Refusal
	Detail  string
}

// Error is the refusal and the detail.
func (e *RefusalError) Error() string { return e.Refusal.String() + ": " + e.Detail }
