package config

import (
	"math"
	"net/netip"
	"time"
)

// globalDraft is global_defs while it is read: what it says of the daemon, and
// what it says for every instance that does not say otherwise.
type globalDraft struct {
	Global
	instance       Instance
	group4, group6 netip.Addr // the multicast groups
	minGARP        bool
	found          seen
}

func newGlobalDraft() globalDraft {
	return globalDraft{
		Global: Global{StartupTimeout: defaultScriptTimeout, ShutdownTimeout: defaultScriptTimeout},
		found:  seen{},
		group4: netip.MustParseAddr("224.0.0.18"),
		group6: netip.MustParseAddr("ff02::12"),
		instance: Instance{
			AdvertInterval:    time.Second,
			DownTimerAdverts:  3,
			UnicastTTL:        math.MaxUint8,
			GARPDelay:         5 * time.Second,
			GARPRepeat:        5,
			GARPRefreshRepeat: 1,
		},
	}
}

// sharedKeywords are the rows of what may stand in global_defs, with prefix,
// and in vrrp_instance, without.
func sharedKeywords[T any](prefix string, of func(*T) *Instance) []keyword[T] {
	value := func(name, form string, set func(*converter, *Instance, *Statement)) keyword[T] {
		return keyword[T]{name: prefix + name, form: form, min: 1, max: 1, set: func(c *converter, to *T, s *Statement) {
			set(c, of(to), s)
		}}
	}
	flag := func(name string, field func(*Instance) *bool) keyword[T] {
		return flagKeyword(prefix+name, func(to *T) *bool { return field(of(to)) })
	}
	return []keyword[T]{
		value("version", "2|3", func(c *converter, to *Instance, s *Statement) {
			if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 2, 3); ok {
				to.Version = value
			}
		}),
		value("garp_master_delay", "SECONDS", func(c *converter, to *Instance, s *Statement) { c.wholeSeconds(s, &to.GARPDelay) }),
		value("garp_master_repeat", "COUNT", func(c *converter, to *Instance, s *Statement) { c.count(s, &to.GARPRepeat, 1) }),
		value("garp_master_refresh", "SECONDS", func(c *converter, to *Instance, s *Statement) { c.wholeSeconds(s, &to.GARPRefresh) }),
		value("garp_master_refresh_repeat", "COUNT", func(c *converter, to *Instance, s *Statement) { c.count(s, &to.GARPRefreshRepeat, 1) }),
		value("garp_lower_prio_delay", "SECONDS", func(c *converter, to *Instance, s *Statement) { c.wholeSeconds(s, &to.GARPLowerPrioDelay) }),
		value("garp_lower_prio_repeat", "COUNT", func(c *converter, to *Instance, s *Statement) { c.count(s, &to.GARPLowerPrioRepeat, 0) }),
		value("down_timer_adverts", "1-100", func(c *converter, to *Instance, s *Statement) {
			if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 1, 100); ok {
				to.DownTimerAdverts = value
			}
		}),
		flag("lower_prio_no_advert", func(to *Instance) *bool { return &to.LowerPrioNoAdvert }),
		flag("higher_prio_send_advert", func(to *Instance) *bool { return &to.HigherPrioSendAdvert }),
		flag("skip_check_adv_addr", func(to *Instance) *bool { return &to.SkipCheckAddresses }),
		{name: prefix + "check_unicast_src", set: func(_ *converter, to *T, _ *Statement) { of(to).CheckUnicastSource = true }},
	}
}

// flagKeyword is the row of NAME [on|off], where a bare NAME is on.
func flagKeyword[T any](name string, field func(*T) *bool) keyword[T] {
	return keyword[T]{name: name, form: "[on|off]", max: 1, set: func(c *converter, to *T, s *Statement) {
		*field(to) = c.flag(s, *field(to))
	}}
}

// flag reads the word of a flagKeyword; otherwise is what a wrong one leaves.
func (c *converter) flag(s *Statement, otherwise bool) bool {
	if len(s.Arguments()) == 0 {
		return true
	}
	switch word := s.Arguments()[0]; word {
	case "true", "on", "yes":
		return true
	case "false", "off", "no":
		return false
	default:
		c.failWithHint(s.Position, "it may be true, on, yes, false, off or no", "%s %q is no yes or no", s.Keyword(), word)
		return otherwise
	}
}

// wholeSeconds reads whole seconds from 0.
func (c *converter) wholeSeconds(s *Statement, to *time.Duration) {
	if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 0, maxSeconds); ok {
		*to = time.Duration(value) * time.Second
	}
}

// maxGARPRepeat bounds the announcements of one address in one go. keepalived
// has no bound; nobody means a number above this.
const maxGARPRepeat = 1000

// count reads a number of announcements.
func (c *converter) count(s *Statement, to *int, least int) {
	if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], least, maxGARPRepeat); ok {
		*to = value
	}
}
