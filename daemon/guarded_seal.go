package daemon

import (
	"time"

	"takeover/daemon/vrrp"
)

// guardedSeal is what a guardian needs to authenticate a farewell at the time
// that it sends it: a number that was sealed in beforehand would be old.
type guardedSeal struct {
	Key     *[8]byte                `json:"key,omitempty"` // of the Authentication Header
	Lead    time.Duration           `json:"lead_ns,omitempty"`
	Trailer *vrrp.TrailerParameters `json:"trailer,omitempty"`
}

// guarded is what the guardian must know to close a farewell like s; nil when
// that needs nothing.
func (s *seal) guarded(now time.Time) *guardedSeal {
	switch {
	case s.ah != nil:
		s.told = s.lead(now)
		return &guardedSeal{Key: &s.ah.Key, Lead: s.told}
	case s.trailer != nil:
		return &guardedSeal{Trailer: s.parameters}
	}
	return nil
}

// lead is how far the numbers of the Authentication Header are ahead of the
// clock, in whole seconds: they continue from the highest that was heard.
func (s *seal) lead(now time.Time) time.Duration {
	return max(time.Unix(int64(s.number), 0).Sub(now.Truncate(time.Second)), 0)
}

// isAhead reports whether the numbers have got further ahead of the clock than
// the guardian allows for.
func (s *seal) isAhead(now time.Time) bool {
	return s.ah != nil && s.lead(now) > s.told+farewellLead/2
}

// farewellLead is how far a farewell's number is ahead of what the worker's own
// would be. Those may be a little more than the guardian knows, after
// advertisements out of turn.
const farewellLead = 2 * time.Second

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

// ahead is the time whose number a farewell has that is sent at now.
func (g *guardedSeal) ahead(now time.Time) time.Time {
	if g == nil || g.Key == nil {
		return now
	}
	return now.Add(g.Lead + farewellLead)
}

// sendFarewells sends an instance's advertisements of priority 0.
func (r *releaser) sendFarewells(now time.Time, i guardedInstance) []error {
	s, err := i.Seal.seal()
	failures := []error{err}
	now = i.Seal.ahead(now)
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
