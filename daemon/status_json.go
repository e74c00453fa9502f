package daemon

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/vrrp"
)

// keepalived's numbers of states.
const (
	numberInit = iota
	numberBackup
	numberMaster
	numberFault
)

// keepalivedState is the state under keepalived's name and number.
func (v *instanceView) keepalivedState() (string, int) {
	switch {
	case v.state == vrrp.Active:
		return "MASTER", numberMaster
	case v.state == vrrp.Backup:
		return "BACKUP", numberBackup
	case v.fault != "":
		return "FAULT", numberFault
	}
	return "INIT", numberInit
}

// wantedState is the state that the instance has come to, or will be tried with,
// in the same way.
func (v *instanceView) wantedState() (string, int) {
	isWanted := v.state == vrrp.Initialize && v.config.InitialState == config.InitialMaster
	if v.state == vrrp.Active || isWanted {
		return "MASTER", numberMaster
	}
	return "BACKUP", numberBackup
}

// dumpedInstance is an element of keepalived.json.
type dumpedInstance struct {
	Data  dumpedData `json:"data"`
	Stats statistics `json:"stats"`
}

// dumpedData is the data object of an instance. Numbers stand for some of what
// is true or false, as keepalived has it.
type dumpedData struct {
	Name                 string      `json:"iname"`
	DontTrackPrimary     int         `json:"dont_track_primary"`
	SkipCheckAddresses   int         `json:"skip_check_adv_addr"`
	Strict               int         `json:"strict_mode"`
	VMAC                 string      `json:"vmac_ifname"`
	Interface            string      `json:"ifp_ifname"`
	ActivePriority       int         `json:"master_priority"`
	LastTransition       json.Number `json:"last_transition"`
	GARPDelay            float64     `json:"garp_delay"`
	GARPRefresh          int         `json:"garp_refresh"`
	GARPRepeat           int         `json:"garp_rep"`
	GARPRefreshRepeat    int         `json:"garp_refresh_rep"`
	GARPLowerPrioDelay   int         `json:"garp_lower_prio_delay"`
	GARPLowerPrioRepeat  int         `json:"garp_lower_prio_rep"`
	LowerPrioNoAdvert    int         `json:"lower_prio_no_advert"`
	HigherPrioSendAdvert int         `json:"higher_prio_send_advert"`
	VRID                 int         `json:"vrid"`
	Priority             int         `json:"base_priority"`
	EffectivePriority    int         `json:"effective_priority"`
	IsSet                bool        `json:"vipset"`
	PromoteSecondaries   bool        `json:"promote_secondaries"`
	Interval             float64     `json:"adver_int"`
	ActiveInterval       float64     `json:"master_adver_int"`
	Accept               int         `json:"accept"`
	NoPreempt            bool        `json:"nopreempt"`
	PreemptDelay         int         `json:"preempt_delay"`
	State                int         `json:"state"`
	WantedState          int         `json:"wantstate"`
	Version              int         `json:"version"`
	SMTPAlert            bool        `json:"smtp_alert"`
	NotifyDeleted        bool        `json:"notify_deleted"`
	VirtualAddresses     []string    `json:"vips,omitempty"`
	ExcludedAddresses    []string    `json:"evips,omitempty"`
	TrackedInterfaces    []string    `json:"track_ifp,omitempty"`
	TrackedScripts       []string    `json:"track_script,omitempty"`
	AuthType             int         `json:"auth_type"`
	AuthData             string      `json:"auth_data,omitempty"`
}

// hiddenPassword stands in dumps for a password.
const hiddenPassword = "********"

// WriteJSON writes the configuration, the state and the counters as
// keepalived's keepalived.json has them.
func (q *Inquiries) WriteJSON(ctx context.Context, w io.Writer) error {
	s, err := q.snapshot(ctx, false)
	if err != nil {
		return err
	}
	places := s.places()
	all := make([]dumpedInstance, len(s.instances))
	for n := range s.instances {
		v := &s.instances[n]
		all[n] = dumpedInstance{Data: v.dumped(&s, places), Stats: v.statistics()}
	}
	return json.NewEncoder(w).Encode(all)
}

func (v *instanceView) dumped(s *snapshot, places map[place]bool) dumpedData {
	c := v.config
	_, state := v.keepalivedState()
	_, wanted := v.wantedState()
	d := dumpedData{
		Name: c.Name, DontTrackPrimary: oneIf(c.DontTrackPrimary), SkipCheckAddresses: oneIf(c.SkipCheckAddresses),
		Strict: oneIf(c.Strict), VMAC: v.vmac, Interface: v.device(),
		LastTransition: json.Number(strconv.FormatFloat(float64(v.since.UnixMicro())/1e6, 'f', 6, 64)),
		GARPDelay:      c.GARPDelay.Seconds(), GARPRefresh: wholeSeconds(c.GARPRefresh), GARPRepeat: c.GARPRepeat,
		GARPRefreshRepeat: c.GARPRefreshRepeat, GARPLowerPrioDelay: wholeSeconds(c.GARPLowerPrioDelay),
		GARPLowerPrioRepeat: c.GARPLowerPrioRepeat, LowerPrioNoAdvert: oneIf(c.LowerPrioNoAdvert),
		HigherPrioSendAdvert: oneIf(c.HigherPrioSendAdvert), VRID: int(c.VRID), Priority: int(c.Priority),
		EffectivePriority: int(v.priority), IsSet: v.state == vrrp.Active, Interval: c.AdvertInterval.Seconds(),
		ActiveInterval: v.active.interval.Seconds(),
		Accept:         oneIf(c.Accept), NoPreempt: c.NoPreempt, PreemptDelay: wholeSeconds(c.PreemptDelay),
		State: state, WantedState: wanted, Version: c.Version, AuthType: int(c.AuthType),
	}
	if v.state == vrrp.Backup { // of an Active keepalived says 0
		d.ActivePriority = int(v.active.priority)
	}
	if c.AuthType != config.AuthNone {
		d.AuthData = hiddenPassword
	}
	for _, a := range v.virtuals {
		to := &d.VirtualAddresses
		if a.excluded {
			to = &d.ExcludedAddresses
		}
		*to = append(*to, a.dumped(v, places))
	}
	for _, t := range c.TrackInterfaces {
		d.TrackedInterfaces = append(d.TrackedInterfaces, t.Name)
	}
	for _, t := range c.TrackScripts {
		d.TrackedScripts = append(d.TrackedScripts, s.commandOf(t.Name))
	}
	return d
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }
