package vrrp

import "fmt"

// String is the RFC's name of the state (RFC 9568 §6.4).
func (s State) String() string {
	switch s {
	case Initialize:
		return "Initialize"
	case Backup:
		return "Backup"
	case Active:
		return "Active"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// String names the refusal in a few words.
func (r Refusal) String() string {
	switch r {
	case RefusedLength:
		return "wrong length"
	case RefusedVersion:
		return "wrong version"
	case RefusedType:
		return "wrong type"
	case RefusedChecksum:
		return "wrong checksum"
	case RefusedTTL:
		return "wrong TTL"
	case RefusedVRID:
		return "wrong VRID"
	case RefusedAuthentication:
		return "wrong authentication"
	case RefusedInterval:
		return "wrong interval"
	case RefusedOwner:
		return "received by the address owner"
	case RefusedSource:
		return "wrong source"
	case RefusedAddresses:
		return "another list of addresses"
	case RefusedPeer:
		return "not from a peer"
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
