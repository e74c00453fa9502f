package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// priorityOwner is the priority of the router that owns the virtual addresses
// (RFC 3768 §5.3.4); no other may have it.
const priorityOwner = 255

// SkewTime is Skew_Time of version 2: (256 - Priority) / 256 of a second,
// whatever the interval (RFC 3768 §6.1). It is exact.
func (p Parameters) SkewTime() time.Duration {
	return time.Duration(256-int(p.Priority)) * time.Second / 256
}

// ActiveDownInterval is Active_Down_Interval: 3 x Advertisement_Interval +
// Skew_Time (RFC 3768 §6.1, Master_Down_Interval).
func (p Parameters) ActiveDownInterval() time.Duration {
	return 3*p.AdvertisementInterval + p.SkewTime()
}

// check says what is wrong with p, naming the field.
func (p Parameters) check() error {
	if err := checkVersion(p.Version); err != nil {
		return err
	}
	if err := checkVRID(p.VRID); err != nil {
		return err
	}
	if p.Priority == 0 {
		return errors.New("priority 0 is not 1 to 255")
	}
	if err := checkInterval(p.AdvertisementInterval); err != nil {
		return err
	}
	if !isUnicast4(p.PrimaryAddress) {
		return fmt.Errorf("primary address %s is not unicast IPv4", p.PrimaryAddress)
	}
	if err := checkVirtualAddresses(p.VirtualAddresses); err != nil {
		return err
	}
	if err := p.Authentication.check(); err != nil {
		return err
	}
	if p.AnnounceCount < 0 {
		return fmt.Errorf("announce count %d is negative", p.AnnounceCount)
	}
	if p.AnnounceDelay < 0 {
		return fmt.Errorf("announce delay %s is negative", p.AnnounceDelay)
	}
	return nil
}

func (a Authentication) check() error {
	switch a.Type {
	case AuthenticationNone:
		if a.Data != ([authenticationLength]byte{}) {
			return errors.New("authentication data without an authentication type")
		}
		return nil
	case AuthenticationPass:
		return nil
	}
	return fmt.Errorf("authentication type %d is not supported", a.Type)
}

func checkVirtualAddresses(addresses []netip.Addr) error {
	if len(addresses) == 0 {
		return errors.New("no virtual addresses")
	}
	if err := checkCount(addresses); err != nil {
		return err
	}
	for i, address := range addresses {
		if !isUnicast4(address) {
			return fmt.Errorf("virtual address %s is not unicast IPv4", address)
		}
		if slices.Contains(addresses[:i], address) {
			return fmt.Errorf("virtual address %s is there twice", address)
		}
	}
	return nil
}

func checkVersion(version Version) error {
	switch version {
	case Version2:
		return nil
	case Version3:
		return errors.New("version 3 is not supported yet")
	}
	return fmt.Errorf("version %d is neither 2 nor 3", version)
}

func checkVRID(vrid uint8) error {
	if vrid == 0 {
		return errors.New("VRID 0 is not 1 to 255")
	}
	return nil
}

// checkInterval holds version 2's Adver Int field (RFC 3768 §5.3.7): a byte
// that counts seconds.
func checkInterval(interval time.Duration) error {
	if interval < time.Second || interval > 255*time.Second || interval%time.Second != 0 {
		return fmt.Errorf("interval %s is not 1 to 255 whole seconds", interval)
	}
	return nil
}

// checkCount holds the Count IP Addrs field (RFC 3768 §5.3.5): a byte.
func checkCount(addresses []netip.Addr) error {
	if len(addresses) > 255 {
		return fmt.Errorf("%d addresses, at most 255 fit", len(addresses))
	}
	return nil
}

// isUnicast4 reports whether one interface can have the address.
func isUnicast4(address netip.Addr) bool {
	return address.Is4() && !address.IsUnspecified() && !address.IsMulticast() &&
		address != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
