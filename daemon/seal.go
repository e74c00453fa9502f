package daemon

import (
	"net/netip"
	"reflect"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// seal authenticates an instance's advertisements by more than what is in
// them: IP's Authentication Header, or a trailer. The zero value does nothing.
type seal struct {
	ah       *vrrp.AH
	sequence vrrp.AHSequence
	number   uint32        // the last that was sent
	told     time.Duration // the lead that the guardian knows

	trailer    *vrrp.Trailer
	parameters *vrrp.TrailerParameters // the trailer's
}

// sealOf is the seal that the configuration asks for. Keys in files are read.
func sealOf(i config.Instance) (seal, error) {
	switch {
	case i.AuthType == config.AuthHeader:
		return seal{ah: &vrrp.AH{Key: password(i)}}, nil
	case i.HMAC != nil:
		parameters, err := trailerParameters(i.HMAC)
		if err != nil {
			return seal{}, err
		}
		trailer, err := vrrp.NewTrailer(parameters)
		return seal{trailer: trailer, parameters: &parameters}, err
	}
	return seal{}, nil
}

func trailerParameters(h *config.HMAC) (vrrp.TrailerParameters, error) {
	p := vrrp.TrailerParameters{Keys: make(map[uint8][]byte, len(h.Keys)), ActiveKey: h.ActiveKey, Window: h.Window}
	for _, key := range h.Keys {
		secret, err := key.Secret()
		if err != nil {
			return p, err
		}
		p.Keys[key.ID] = secret
	}
	switch h.Mode {
	case config.HMACEnforce:
		p.Mode = vrrp.TrailerEnforce
	case config.HMACPermissive:
		p.Mode = vrrp.TrailerPermissive
	case config.HMACReceiveOnly:
		p.Mode = vrrp.TrailerReceiveOnly
	}
	return p, nil
}

// isLike reports whether the other seals in the same way: then this one, which
// knows the numbers that were sent and heard, stays.
func (s *seal) isLike(other seal) bool {
	if s.ah != nil && other.ah != nil {
		return s.ah.Key == other.ah.Key
	}
	return s.ah == nil && other.ah == nil && reflect.DeepEqual(s.parameters, other.parameters)
}

// close seals what is sent at now.
func (s *seal) close(now time.Time, source, destination netip.Addr, ttl uint8, payload []byte) ([]byte, error) {
	switch {
	case s.ah != nil:
		s.number = s.sequence.Next(now)
		return s.ah.Seal(source, destination, ttl, s.number, payload)
	case s.trailer != nil:
		return s.trailer.Seal(now, source, payload), nil
	}
	return payload, nil
}

// open verifies what arrived, and returns the advertisement in it.
func (s *seal) open(now time.Time, d transport.Datagram) ([]byte, error) {
	switch {
	case s.ah != nil:
		payload, number, err := s.ah.Open(d.Packet)
		if err != nil {
			return nil, err
		}
		return payload, s.sequence.Accept(d.Source, number)
	case s.trailer != nil:
		return s.trailer.Open(now, d.Source, d.Payload)
	}
	return d.Payload, nil
}

// authentication is what an advertisement itself carries of it.
func authentication(i config.Instance) vrrp.Authentication {
	switch i.AuthType {
	case config.AuthPassword:
		return vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: password(i)}
	case config.AuthHeader:
		return vrrp.Authentication{Type: vrrp.AuthenticationAH}
	case config.AuthNone:
	}
	return vrrp.Authentication{}
}

// password is cut to its eight bytes (RFC 2338 §5.3.10).
func password(i config.Instance) (p [8]byte) {
	copy(p[:], i.AuthPass)
	return p
}
