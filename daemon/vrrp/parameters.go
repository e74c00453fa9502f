package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// priorityOwner is the priority of the router that owns the virtual addresses
// (RFC 9568 §5.2.4); no other may have it.
const priorityOwner = 255

// Active_Down_Interval's number of Advertisement_Intervals.
const (
	downTimerAdvertsDefault = 3 // RFC 9568 §6.1
	downTimerAdvertsMax     = 100
)

// SkewTime is Skew_Time, while no other interval was learned. In version 2 it
// is (256 - Priority) / 256 of a second, whatever the interval (RFC 3768 §6.1);
// in version 3 of the interval (RFC 9568 §6.1). Version 2's is exact, version
// 3's is rounded down to a nanosecond.
func (p Parameters) SkewTime() time.Duration {
	return p.skewTime(p.AdvertisementInterval)
}

// ActiveDownInterval is Active_Down_Interval, while no other interval was
// learned: DownTimerAdverts, which is 3, x Advertisement_Interval + Skew_Time
// (RFC 9568 §6.1).
func (p Parameters) ActiveDownInterval() time.Duration {
	return p.activeDownInterval(p.AdvertisementInterval)
}

// skewTime is Skew_Time at the Active_Adver_Interval.
func (p *Parameters) skewTime(interval time.Duration) time.Duration {
	if p.Version != Version3 {
		interval = time.Second
	}
	return time.Duration(256-int(p.Priority)) * interval / 256
}

// activeDownInterval is Active_Down_Interval at the Active_Adver_Interval.
func (p *Parameters) activeDownInterval(interval time.Duration) time.Duration {
	adverts := p.DownTimerAdverts
	if adverts == 0 {
		adverts = downTimerAdvertsDefault
	}
	return time.Duration(adverts)*interval + p.skewTime(interval)
}

// rivalAnnounceCount is how often an address is announced after a rival.
func (p *Parameters) rivalAnnounceCount() int {
	if p.RivalAnnounceCount == nil {
		return p.AnnounceCount
	}
	return *p.RivalAnnounceCount
}

// clone shares nothing with p.
func (p *Parameters) clone() Parameters {
	c := *p
	c.VirtualAddresses = slices.Clone(p.VirtualAddresses)
	c.ExcludedAddresses = slices.Clone(p.ExcludedAddresses)
	if p.RivalAnnounceCount != nil {
		count := *p.RivalAnnounceCount
		c.RivalAnnounceCount = &count
	}
	return c
}

// check says what is wrong with p, naming the field.
func (p *Parameters) check() error {
	if err := checkVersion(p.Version); err != nil {
		return err
	}
	if err := checkVRID(p.VRID); err != nil {
		return err
	}
	if p.Priority == 0 {
		return errors.New("priority 0 is not 1 to 255")
	}
	if err := checkInterval(p.Version, p.AdvertisementInterval); err != nil {
		return err
	}
	if !isUnicast(p.PrimaryAddress) {
		return fmt.Errorf("primary address %s is not unicast", p.PrimaryAddress)
	}
	if p.Version == Version2 && !p.PrimaryAddress.Is4() {
		return fmt.Errorf("primary address %s is not IPv4, which version 2 needs", p.PrimaryAddress)
	}
	if err := p.checkAddresses(); err != nil {
		return err
	}
	if err := p.Authentication.check(p.Version); err != nil {
		return err
	}
	if err := p.checkCounts(); err != nil {
		return err
	}
	if err := p.checkDelays(); err != nil {
		return err
	}
	return p.checkChoices()
}

func (p *Parameters) checkAddresses() error {
	if len(p.VirtualAddresses) == 0 {
		return errors.New("no virtual addresses")
	}
	if err := checkCount(p.VirtualAddresses); err != nil {
		return err
	}
	seen := make(map[netip.Addr]bool, len(p.VirtualAddresses)+len(p.ExcludedAddresses))
	for _, address := range p.VirtualAddresses {
		if is4 := p.PrimaryAddress.Is4(); !isUnicast(address) || address.Is4() != is4 {
			return fmt.Errorf("virtual address %s is not unicast %s", address, familyName(is4))
		}
		if seen[address] {
			return fmt.Errorf("virtual address %s is there twice", address)
		}
		seen[address] = true
	}
	for _, address := range p.ExcludedAddresses {
		if !isUnicast(address) {
			return fmt.Errorf("excluded address %s is not unicast", address)
		}
		if seen[address] {
			return fmt.Errorf("excluded address %s is there twice", address)
		}
		seen[address] = true
	}
	return nil
}

func (p *Parameters) checkCounts() error {
	if p.AnnounceCount < 0 {
		return fmt.Errorf("announce count %d is negative", p.AnnounceCount)
	}
	if count := p.rivalAnnounceCount(); count < 0 {
		return fmt.Errorf("rival announce count %d is negative", count)
	}
	if p.AnnounceRefreshCount < 0 || p.AnnounceRefresh > 0 && p.AnnounceRefreshCount == 0 {
		return fmt.Errorf("announce refresh count %d is not at least 1", p.AnnounceRefreshCount)
	}
	if p.DownTimerAdverts < 0 || p.DownTimerAdverts > downTimerAdvertsMax {
		return fmt.Errorf("%d down timer adverts are not 1 to %d", p.DownTimerAdverts, downTimerAdvertsMax)
	}
	return nil
}

func (p *Parameters) checkDelays() error {
	for _, delay := range [...]struct {
		name  string
		value time.Duration
	}{
		{"announce delay", p.AnnounceDelay},
		{"announce refresh", p.AnnounceRefresh},
		{"rival announce delay", p.RivalAnnounceDelay},
		{"preempt delay", p.PreemptDelay},
		{"startup delay", p.StartupDelay},
	} {
		if delay.value < 0 {
			return fmt.Errorf("%s %s is negative", delay.name, delay.value)
		}
	}
	return nil
}

func (p *Parameters) checkChoices() error {
	switch p.FastPreempt {
	case FastPreemptOff, FastPreemptResign, FastPreemptAdvert:
	default:
		return fmt.Errorf("fast preempt %d is none of its values", p.FastPreempt)
	}
	switch p.PeerLoss {
	case PeerLossIgnored, PeerLossExpires, PeerLossSkews:
	default:
		return fmt.Errorf("peer loss %d is none of its values", p.PeerLoss)
	}
	return nil
}

func (a Authentication) check(version Version) error {
	if version == Version3 && a != (Authentication{}) {
		return errAuthenticationVersion
	}
	switch a.Type {
	case AuthenticationNone, AuthenticationAH:
		if a.Data != ([authenticationLength]byte{}) {
			return errors.New("authentication data without a password")
		}
		return nil
	case AuthenticationPass:
		return nil
	}
	return fmt.Errorf("authentication type %d is not supported", a.Type)
}

func checkVersion(version Version) error {
	switch version {
	case Version2, Version3:
		return nil
	}
	return fmt.Errorf("version %d is neither 2 nor 3", version)
}

func checkVRID(vrid uint8) error {
	if vrid == 0 {
		return errors.New("VRID 0 is not 1 to 255")
	}
	return nil
}

// checkInterval holds the field of the interval: in version 2 a byte that
// counts seconds (RFC 3768 §5.3.7), in version 3 twelve bits that count
// hundredths (RFC 9568 §5.2.7).
func checkInterval(version Version, interval time.Duration) error {
	if version == Version3 {
		if interval < centisecond || interval > centisecondsMax*centisecond || interval%centisecond != 0 {
			return fmt.Errorf("interval %s is not 10ms to 40.95s in steps of 10ms", interval)
		}
		return nil
	}
	if interval < time.Second || interval > 255*time.Second || interval%time.Second != 0 {
		return fmt.Errorf("interval %s is not 1 to 255 whole seconds", interval)
	}
	return nil
}

// checkCount holds the count of addresses (RFC 9568 §5.2.5): a byte.
func checkCount(addresses []netip.Addr) error {
	if len(addresses) > 255 {
		return fmt.Errorf("%d addresses, at most 255 fit", len(addresses))
	}
	return nil
}

// isUnicast reports whether one interface can have the address, and whether it
// is written as it stands in a packet: not mapped, and without a zone.
func isUnicast(address netip.Addr) bool {
	return address.IsValid() && !address.Is4In6() && address.Zone() == "" &&
		!address.IsUnspecified() && !address.IsMulticast() &&
		address != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
