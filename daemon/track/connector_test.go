package track

import (
	"encoding/binary"
	"testing"
)

// event is a message of the connector with an event of that kind.
func event(what, ack uint32, words ...uint32) []byte {
	b := make([]byte, cnData+24)
	order := binary.NativeEndian
	order.PutUint32(b[cnMessage:], cnProc)
	order.PutUint32(b[cnMessage+4:], cnProc)
	order.PutUint32(b[cnAck:], ack)
	order.PutUint32(b[cnEvent:], what)
	for n, word := range words {
		order.PutUint32(b[cnData+4*n:], word)
	}
	return b
}

func TestOnlyProcessesThatMayBeCalledOtherwiseAreOfInterest(t *testing.T) {
	const procUID, procExit = 0x4, 0x80000000
	foreign := event(procExec, 0, 12, 12)
	foreign[cnMessage] = 9
	tests := []struct {
		name     string
		message  []byte
		want     started
		relevant bool
	}{
		{"fork of a process", event(procFork, 0, 11, 10, 12, 12), started{pid: 12, parent: 10}, true},
		{"new thread", event(procFork, 0, 10, 10, 12, 10), started{}, false},
		{"new program", event(procExec, 0, 12, 12), started{pid: 12}, true},
		{"new name", event(procComm, 0, 12, 12), started{pid: 12}, true},
		{"new name of a thread", event(procComm, 0, 13, 12), started{}, false},
		{"end", event(procExit, 0, 12, 12), started{}, false},
		{"change of user", event(procUID, 0, 12, 12), started{}, false},
		{"confirmation", event(procNone, 1), started{}, false},
		{"another connector", foreign, started{}, false},
		{"short", event(procExec, 0, 12, 12)[:cnData+8], started{}, false},
		{"empty", nil, started{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, relevant := parseStarted(test.message)
			if relevant != test.relevant || relevant && got != test.want {
				t.Errorf("got %+v, %t", got, relevant)
			}
		})
	}
}

func TestConfirmation(t *testing.T) {
	tests := []struct {
		name    string
		message []byte
		want    bool
	}{
		{"success", event(procNone, 1), true},
		{"error", event(procNone, 1, 1), false},
		{"event", event(procFork, 0, 1, 1, 2, 2), false},
		{"no answer", event(procNone, 0), false},
		{"short", event(procNone, 1)[:cnData], false},
	}
	for _, test := range tests {
		if got := isConfirmation(test.message); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func FuzzParseStarted(f *testing.F) {
	f.Add(event(procFork, 0, 11, 10, 12, 12))
	f.Add(event(procNone, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		isConfirmation(b)
		if s, relevant := parseStarted(b); relevant && len(b) < cnData+16 {
			t.Errorf("%+v of %d bytes", s, len(b))
		}
	})
}
