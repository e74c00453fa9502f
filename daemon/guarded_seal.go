package daemon

import (
	"time"

	"takeover/daemon/vrrp"
)

// guardedSeal is what a guardian needs to authenticate a farewell at the time
// that it sends it: a number that was sealed in beforehand would be old.
type guardedSeal struct {
	Key     *[8]byte                `json:"key,omitempty"` // of the Authentication Header
	Trailer *vrrp.TrailerParameters `json:"trailer,omitempty"`
}

func guardedSealOf(i *instance) *guardedSeal {
	switch {
	case i.seal.ah != nil:
		return &guardedSeal{Key: &i.seal.ah.Key}
	case i.seal.trailer != nil:
		parameters, err := trailerParameters(i.config.HMAC)
		if err != nil { // it could be read at the start
			return nil
		}
		return &guardedSeal{Trailer: &parameters}
	}
	return nil
}

// sequenceLead is how far a farewell's number is ahead of the clock, in
// seconds. The worker's numbers are the clock's, or a little more after
// advertisements out of turn; the next worker's are, too.
const sequenceLead = 2 * time.Second

// seal is the seal to close a farewell with.
func (g *guardedSeal) seal() (seal, error) {
	switch {
	case g == nil:
		return seal{}, nil
	case g.Key != nil:
		return seal{ah: &vrrp.AH{Key: *g.Key}}, nil
	}
	trailer, err := vrrp.NewTrailer(*g.Trailer)
	return seal{trailer: trailer}, err
}

// sendFarewells sends an instance's advertisements of priority 0.
func (r *releaser) sendFarewells(now time.Time, i guardedInstance) []error {
	s, err := i.Seal.seal()
	failures := []error{err}
	if s.ah != nil {
		now = now.Add(sequenceLead)
	}
	for _, m := range i.Farewells {
		payload, err := s.close(now, m.Source, m.Destination, m.TTL, m.Payload)
		switch {
		case err != nil:
		case s.ah != nil:
			err = r.sender.SendPacket(m.Index, payload)
		default:
			err = r.sender.SendTo(m.Index, m.Source, m.Destination, m.TTL, payload)
		}
		failures = append(failures, err)
	}
	return failures
}
