package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// data writes keepalived.data: lines of keepalived's, each with its own
// indentation.
type data struct {
	*bufio.Writer
	snapshot
	groupOf map[string]string // by the member's name
	places  map[place]bool
}

func (d *data) line(format string, a ...any) { fmt.Fprintf(d, format+"\n", a...) }

// WriteData writes the configuration and the state as keepalived's
// keepalived.data has them, as far as vipd has what it tells of.
func (q *Inquiries) WriteData(ctx context.Context, w io.Writer) error {
	s, err := q.snapshot(ctx, false)
	if err != nil {
		return err
	}
	d := &data{Writer: bufio.NewWriter(w), snapshot: s, groupOf: s.groups(), places: s.places()}
	d.global()
	d.section("VRRP Topology", len(s.instances))
	for n := range s.instances {
		d.instance(&s.instances[n])
	}
	d.section("VRRP Sync groups", len(s.config.Groups))
	for _, g := range s.config.Groups {
		d.group(g)
	}
	d.section("VRRP Scripts", len(s.config.Scripts))
	for _, script := range s.config.Scripts {
		d.script(script)
	}
	d.section("VRRP Track processes", len(s.config.Processes))
	for _, p := range s.config.Processes {
		d.process(p)
	}
	d.section("VRRP Track BFDs", len(s.config.BFDs))
	for _, b := range s.config.BFDs {
		d.bfd(b)
	}
	return d.Flush()
}

// section begins one that is not empty.
func (d *data) section(name string, count int) {
	if count > 0 {
		d.line("------< %s >------", name)
	}
}

func (d *data) global() {
	g := d.config.Global
	d.section("Global definitions", 1)
	d.line(" Network namespace = (default)")
	if g.RouterID != "" {
		d.line(" Router ID = %s", g.RouterID)
	}
	d.line(" Gratuitous ARP delay = %d", wholeSeconds(g.GARPDelay))
	d.line(" Gratuitous ARP repeat = %d", g.GARPRepeat)
	d.line(" Gratuitous ARP interval = %f", g.GARPInterval.Seconds())
	d.line(" Gratuitous NA interval = %f", g.GNAInterval.Seconds())
	d.line(" Script security %s", enabled(g.EnableScriptSecurity))
	if g.StartupDelay > 0 {
		d.line(" vrrp_startup_delay = %g", g.StartupDelay.Seconds())
	}
}

// instance is a VRRP Instance block, in keepalived's order.
func (d *data) instance(v *instanceView) {
	c := v.config
	state, _ := v.keepalivedState()
	wanted, _ := v.wantedState()
	d.line(" VRRP Instance = %s", c.Name)
	d.line("   VRRP Version = %d", c.Version)
	if group := d.groupOf[c.Name]; group != "" {
		d.line("   Sync group = %s", group)
	}
	if c.IPv6 {
		d.line("   Using Native IPv6")
	}
	d.line("   State = %s", state)
	if v.state == vrrp.Backup {
		d.line("   Master router = %s", addressOr(v.active.address, unspecified(c.IPv6)))
		d.line("   Master priority = %d", v.active.priority)
		if c.Version == 3 {
			d.line("   Master advert int = %.2f sec", v.active.interval.Seconds())
		}
	}
	if len(c.UnicastPeers) > 0 {
		d.line("   Flags:")
		d.line("     Using unicast")
	} else {
		d.line("   Flags: none")
	}
	d.line("   Wantstate = %s", wanted)
	d.line("   Number of config faults = 0")
	d.line("   Number of interface and track script faults = %d", v.faults())
	d.line("   Number of track scripts init = %d", v.pending())
	d.line("   Last transition = %s", dumpedTime(v.since))
	if v.deadline.IsZero() {
		d.line("   Read timeout = DISABLED")
	} else {
		d.line("   Read timeout = %s", dumpedTime(v.deadline))
	}
	d.line("   Master down timer = %d usecs", v.activeDownInterval().Microseconds())
	d.link(v)
	d.timing(v)
	d.authentication(c)
	d.addresses(v)
	d.tracking(c)
	d.line("   Using smtp notification = no")
	d.line("   Notify deleted = Fault")
	d.line("   Notify priority changes = false")
}

// activeDownInterval is how long the instance waits as a Backup.
func (v *instanceView) activeDownInterval() time.Duration {
	p := vrrp.Parameters{
		Version: vrrp.Version(v.config.Version), Priority: v.priority, AdvertisementInterval: v.config.AdvertInterval,
		DownTimerAdverts: v.config.DownTimerAdverts,
	}
	if v.state == vrrp.Backup && v.config.Version == 3 {
		p.AdvertisementInterval = v.active.interval
	}
	return p.ActiveDownInterval()
}

// link is where the instance runs.
func (d *data) link(v *instanceView) {
	c := v.config
	if c.VMAC != nil {
		isUp := d.indexes[v.vmac] != 0
		d.line("   Use VMAC, i/f name %s, is_up = %t, xmit_base = %t", v.vmac, isUp, c.VMAC.TransmitBase)
		base := ""
		if c.VMAC.TransmitBase {
			base = ", xmit base i/f"
		}
		d.line("   Interface = %s, vmac on %s%s", v.vmac, c.Interface, base)
	} else {
		d.line("   Interface = %s", c.Interface)
	}
	if c.DontTrackPrimary {
		d.line("   VRRP interface tracking disabled")
	}
	if c.SkipCheckAddresses {
		d.line("   Skip checking advert IP addresses")
	}
	if c.Strict {
		d.line("   Enforcing strict VRRP compliance")
	}
	from := ""
	if c.Source.IsValid() {
		from = " (from configuration)"
	}
	d.line("   Using src_ip = %s%s", addressOr(v.source, "(none)"), from)
	switch group := multicastOf(c); {
	case len(c.UnicastPeers) > 0:
	case c.IPv6:
		d.line("   Multicast address %s, ifindex %d", group, d.indexes[v.device()])
	default:
		d.line("   Multicast address %s", group)
	}
}

// multicastOf is the group that the instance advertises to.
func multicastOf(c *config.Instance) netip.Addr {
	switch {
	case c.Group.IsValid():
		return c.Group
	case c.IPv6:
		return transport.GroupIPv6()
	}
	return transport.Group()
}

func (d *data) timing(v *instanceView) {
	c := v.config
	d.line("   Gratuitous ARP delay = %d", wholeSeconds(c.GARPDelay))
	d.line("   Gratuitous ARP repeat = %d", c.GARPRepeat)
	d.line("   Gratuitous ARP refresh = %d", wholeSeconds(c.GARPRefresh))
	d.line("   Gratuitous ARP refresh repeat = %d", c.GARPRefreshRepeat)
	d.line("   Gratuitous ARP lower priority delay = %d", wholeSeconds(c.GARPLowerPrioDelay))
	d.line("   Gratuitous ARP lower priority repeat = %d", c.GARPLowerPrioRepeat)
	d.line("   Down timer adverts = %d", c.DownTimerAdverts)
	d.line("   Send advert after receive lower priority advert = %t", !c.LowerPrioNoAdvert)
	d.line("   Send advert after receive higher priority advert = %t", c.HigherPrioSendAdvert)
	d.line("   Virtual Router ID = %d", c.VRID)
	d.line("   Priority = %d", c.Priority)
	d.line("   Effective priority = %d", v.priority)
	d.line("   Total priority = %d", v.priority)
	if c.Version == 2 {
		d.line("   Advert interval = %d sec", wholeSeconds(c.AdvertInterval))
	} else {
		d.line("   Advert interval = %d milli-sec", c.AdvertInterval.Milliseconds())
		if v.state == vrrp.Backup {
			d.line("   Master advert interval = %d milli-sec", v.active.interval.Milliseconds())
		}
	}
	d.line("   Accept = %s", enabled(c.Accept))
	d.line("   Preempt = %s", enabled(!c.NoPreempt))
	if c.PreemptDelay > 0 {
		d.line("   Preempt delay = %g secs", c.PreemptDelay.Seconds())
	}
	d.line("   Promote_secondaries = disabled")
}

func (d *data) authentication(c *config.Instance) {
	switch c.AuthType {
	case config.AuthNone:
		if c.Version == 2 {
			d.line("   Authentication type = none")
		}
	case config.AuthPassword:
		d.line("   Authentication type = SIMPLE_PASSWORD")
		d.line("   Password = %s", hiddenPassword)
	case config.AuthHeader:
		d.line("   Authentication type = IPSEC_AH")
	}
}

func (d *data) addresses(v *instanceView) {
	c := v.config
	d.line("   Virtual IP (%d):", len(c.VirtualAddresses))
	for n, a := range v.virtuals {
		if n == len(c.VirtualAddresses) {
			d.line("   Virtual IP Excluded :")
		}
		d.line("     %s", a.dumped(v, d.places))
	}
	if len(c.UnicastPeers) > 0 {
		d.line("   Unicast TTL = %d", c.UnicastTTL)
		d.line("   Check unicast src : %s", yes(c.CheckUnicastSource))
		d.line("   Unicast Peer :")
		for _, p := range c.UnicastPeers {
			d.line("     %s min_ttl %d max_ttl %d", p.Address, p.MinTTL, p.MaxTTL)
		}
		d.line("   Unicast checksum compatibility = no")
	}
	if !v.source.IsValid() {
		d.line("   No sockets allocated")
	}
}

// dumped is a virtual address as keepalived tells of it.
func (a virtualView) dumped(v *instanceView, places map[place]bool) string {
	var b strings.Builder
	prefix := a.config.Prefix
	if prefix.IsSingleIP() {
		b.WriteString(prefix.Addr().String())
	} else {
		b.WriteString(prefix.String())
	}
	if a.config.Broadcast.IsValid() {
		b.WriteString(" brd " + a.config.Broadcast.String())
	}
	b.WriteString(" dev " + a.on)
	if a.on == v.vmac {
		b.WriteString("@" + v.config.Interface)
	}
	b.WriteString(" scope " + scopeName(a.config.Scope))
	if a.config.Label != "" {
		b.WriteString(" label " + a.config.Label)
	}
	for _, f := range addressFlags {
		if a.config.Flags&f.flag != 0 {
			b.WriteString(" " + f.name)
		}
	}
	if a.config.NoTrack {
		b.WriteString(" no_track")
	}
	if prefix.Addr().Is6() {
		b.WriteString(preferred(a.config.PreferredLifetime))
	}
	if places[place{a.on, prefix}] {
		b.WriteString(" set")
	}
	return b.String()
}

// addressFlags are the names of flags that are not the usual.
var addressFlags = []struct {
	flag config.AddressFlags
	name string
}{
	{config.FlagHome, "home"},
	{config.FlagManageTemporary, "mngtmpaddr"},
	{config.FlagNoPrefixRoute, "noprefixroute"},
	{config.FlagAutoJoin, "autojoin"},
}

func preferred(lifetime *time.Duration) string {
	switch {
	case lifetime == nil:
		return " preferred_lft forever"
	case *lifetime == 0:
		return " deprecated"
	}
	return " preferred_lft " + strconv.Itoa(wholeSeconds(*lifetime))
}

// scopeName is the scope's name in iproute2's rt_scopes.
func scopeName(s config.Scope) string {
	switch s {
	case config.ScopeGlobal:
		return "global"
	case config.ScopeSite:
		return "site"
	case config.ScopeLink:
		return "link"
	case config.ScopeHost:
		return "host"
	case config.ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

// device is the interface that the instance runs on.
func (v *instanceView) device() string {
	if v.vmac != "" {
		return v.vmac
	}
	return v.config.Interface
}

// dumpedTime is a time in seconds and for people.
func dumpedTime(t time.Time) string {
	return fmt.Sprintf("%d.%06d (%s)", t.Unix(), t.Nanosecond()/1000, t.Format("Mon Jan _2 15:04:05.000000 2006"))
}

func enabled(is bool) string {
	if is {
		return "enabled"
	}
	return "disabled"
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func addressOr(a netip.Addr, other string) string {
	if a.IsValid() {
		return a.String()
	}
	return other
}

// unspecified is how keepalived writes that there is no address.
func unspecified(is6 bool) string {
	if is6 {
		return "::"
	}
	return "0.0.0.0"
}
