package history

import (
	"encoding/json"
	"fmt"
	"time"
)

// head is what every line has besides its body's own fields.
type head struct {
	ID   int           `json:"id"`
	At   time.Duration `json:"at_ns"`
	Kind Kind          `json:"kind"`
	Host string        `json:"host,omitempty"`
}

// line is an event on disk: {"id":1,"at_ns":0,"kind":"phase","host":"node1","body":{...}}.
type line struct {
	head
	Body json.RawMessage `json:"body"`
}

// MarshalJSON writes an event as one JSON object.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("event %d has no body", e.ID)
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", e.ID, err)
	}
	return json.Marshal(line{head{e.ID, e.At, e.Body.Kind(), e.Host}, body})
}

// UnmarshalJSON reads what MarshalJSON writes. An unknown kind is an error.
func (e *Event) UnmarshalJSON(data []byte) error {
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	body, err := decodeBody(l.Kind, l.Body)
	if err != nil {
		return fmt.Errorf("event %d: %w", l.ID, err)
	}
	*e = Event{ID: l.ID, At: l.At, Host: l.Host, Body: body}
	return nil
}

func decode[B Body](data []byte) (Body, error) {
	var body B
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, fmt.Errorf("%s: %w", body.Kind(), err)
	}
	return body, nil
}

var decoders = map[Kind]func([]byte) (Body, error){
	KindTrial:        decode[Trial],
	KindPhase:        decode[Phase],
	KindFaultArmed:   decode[FaultArmed],
	KindFaultStart:   decode[FaultStart],
	KindFaultEnd:     decode[FaultEnd],
	KindAdvert:       decode[Advert],
	KindARP:          decode[ARP],
	KindNA:           decode[NA],
	KindAddress:      decode[Address],
	KindLink:         decode[Link],
	KindNeighbour:    decode[Neighbour],
	KindProbe:        decode[Probe],
	KindOwners:       decode[Owners],
	KindConnection:   decode[Connection],
	KindForwarding:   decode[Forwarding],
	KindUsage:        decode[Usage],
	KindProcessStart: decode[ProcessStart],
	KindProcessExit:  decode[ProcessExit],
	KindTransition:   decode[Transition],
	KindCanary:       decode[Canary],
	KindTruth:        decode[Truth],
	KindNote:         decode[Note],
}

func decodeBody(kind Kind, data []byte) (Body, error) {
	decoder, ok := decoders[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	return decoder(data)
}
