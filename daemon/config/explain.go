package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is a keyword with the words that have effect.
type setting struct {
	names []string // the keyword, and others that set the same
	words string
	ours  bool // a keyword of vipd's, written as a directive
}

func set(name, words string) setting { return setting{names: []string{name}, words: words} }

// line is the statement.
func (s setting) line() string {
	text := strings.TrimRight(s.names[0]+" "+s.words, " ")
	if s.ours {
		text = directiveMark + " " + text
	}
	return text
}

// Explain writes a configuration out as it has effect: with what it includes,
// without variables, conditions and sequences, and with the defaults. c is
// what Convert made of the tree; the text has the same effect.
func Explain(tree *Tree, c *Config) []byte {
	e := &explainer{of: c, next: map[string]int{}}
	e.nodes(tree.Nodes, nil)
	return []byte(e.text.String())
}

type explainer struct {
	of    *Config
	text  strings.Builder
	depth int
	next  map[string]int // how many blocks of a name were written
}

func (e *explainer) printf(format string, args ...any) {
	e.text.WriteString(strings.Repeat("    ", e.depth))
	fmt.Fprintf(&e.text, format, args...)
	e.text.WriteByte('\n')
}

// nodes writes the statements of a block. Where settings have the keyword, it
// is they that count; those that no statement has are written at the end.
func (e *explainer) nodes(nodes []Node, settings []setting) {
	written := make([]bool, len(settings))
	for _, n := range nodes {
		s, ok := n.(*Statement)
		if !ok {
			if comment := n.(*Comment).Text; strings.HasPrefix(comment, directiveMark) && !hasSetting(settings, comment) {
				e.printf("%s", comment)
			}
			continue
		}
		at := slices.IndexFunc(settings, func(one setting) bool { return slices.Contains(one.names, s.Keyword()) })
		switch {
		case at < 0:
			e.statement(s)
		case !written[at]:
			e.printf("%s", settings[at].line())
			written[at] = true
		}
	}
	for i, one := range settings {
		if !written[i] {
			e.printf("%s", one.line())
		}
	}
}

// hasSetting reports whether a directive is about one of the settings.
func hasSetting(settings []setting, comment string) bool {
	words := splitWords(strings.TrimPrefix(comment, directiveMark))
	return len(words) > 0 && slices.ContainsFunc(settings, func(one setting) bool { return slices.Contains(one.names, words[0]) })
}

func (e *explainer) statement(s *Statement) {
	text := escapeMarks(s.Raw)
	if s.Block == nil {
		e.printf("%s", text)
		return
	}
	e.printf("%s {", text)
	var settings []setting
	if e.depth == 0 {
		settings = e.settings(s.Keyword())
	}
	e.depth++
	e.nodes(s.Block.Nodes, settings)
	e.depth--
	e.printf("}")
}

// escapeMarks puts a backslash before what would begin a comment.
func escapeMarks(raw string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && i+1 < len(raw):
			b.WriteByte(c)
			i++
		case !quoted && (c == '#' || c == '!'):
			b.WriteByte('\\')
		}
		b.WriteByte(raw[i])
	}
	return b.String()
}

// settings are those of the next block of the name.
func (e *explainer) settings(keyword string) []setting {
	if keyword == "vrrp_track_file" {
		keyword = "track_file" // they are in one list
	}
	at := e.next[keyword]
	e.next[keyword]++
	switch keyword {
	case "vrrp_instance":
		return instanceSettings(&e.of.Instances[at])
	case "vrrp_script":
		return scriptSettings(&e.of.Scripts[at])
	case "vrrp_track_process":
		return processSettings(&e.of.Processes[at])
	case "track_file":
		file := &e.of.Files[at]
		return []setting{weightSetting(file.Weight, file.Reverse)}
	case "bfd_instance":
		return bfdSettings(&e.of.BFDs[at])
	}
	return nil
}

func instanceSettings(i *Instance) []setting {
	choice := func(names ...string) setting { return setting{names: names} }
	state := "BACKUP"
	if i.InitialState == InitialMaster {
		state = "MASTER"
	}
	preempt, accept := choice("preempt", "nopreempt"), choice("accept", "no_accept")
	if i.NoPreempt {
		preempt = choice("nopreempt", "preempt")
	}
	if !i.Accept {
		accept = choice("no_accept", "accept")
	}
	all := []setting{
		set("version", strconv.Itoa(i.Version)),
		set("state", state),
		set("priority", strconv.Itoa(int(i.Priority))),
		set("advert_int", decimalSeconds(i.AdvertInterval)),
		set("down_timer_adverts", strconv.Itoa(i.DownTimerAdverts)),
		set("strict_mode", onOffWord(i.Strict)),
		preempt,
		set("preempt_delay", decimalSeconds(i.PreemptDelay)),
		accept,
		set("garp_master_delay", decimalSeconds(i.GARPDelay)),
		set("garp_master_repeat", strconv.Itoa(i.GARPRepeat)),
		set("garp_master_refresh", decimalSeconds(i.GARPRefresh)),
		set("garp_master_refresh_repeat", strconv.Itoa(i.GARPRefreshRepeat)),
		set("garp_lower_prio_delay", decimalSeconds(i.GARPLowerPrioDelay)),
		set("garp_lower_prio_repeat", strconv.Itoa(i.GARPLowerPrioRepeat)),
		set("lower_prio_no_advert", onOffWord(i.LowerPrioNoAdvert)),
		set("higher_prio_send_advert", onOffWord(i.HigherPrioSendAdvert)),
	}
	if len(i.UnicastPeers) > 0 {
		all = append(all, set("unicast_ttl", strconv.Itoa(int(i.UnicastTTL))))
	} else {
		all = append(all, set("mcast_dst_ip", i.Group.String()))
	}
	if i.SkipCheckAddresses {
		all = append(all, set("skip_check_adv_addr", "")) // "off" is on to keepalived
	}
	ours := func(name, words string) setting { return setting{[]string{name}, words, true} }
	lease := "auto"
	switch {
	case i.VIPLease == LeaseOff:
		lease = "off"
	case i.VIPLease > 0:
		lease = decimalSeconds(i.VIPLease)
	}
	return append(all,
		ours(vipLeaseName, lease),
		ours(fastPreemptName, []string{"off", "resign", "advert"}[i.FastPreempt]),
		ours(bfdExpireName, []string{"off", "on", "skew"}[i.BFDExpire]))
}

func scriptSettings(s *Script) []setting {
	return []setting{
		set("interval", decimalSeconds(s.Interval)),
		set("timeout", decimalSeconds(s.Timeout)),
		weightSetting(s.Weight, s.Reverse),
		set("rise", strconv.Itoa(s.Rise)),
		set("fall", strconv.Itoa(s.Fall)),
	}
}

func processSettings(p *Process) []setting {
	all := []setting{weightSetting(p.Weight, p.Reverse)}
	if p.Quorum > 0 {
		all = append(all, set("quorum", strconv.Itoa(p.Quorum)))
	}
	return all
}

func bfdSettings(b *BFD) []setting {
	milliseconds := func(d time.Duration) string { return decimalSeconds(d * 1000) }
	return []setting{
		set("min_rx", milliseconds(b.MinRx)),
		set("min_tx", milliseconds(b.MinTx)),
		set("idle_tx", milliseconds(b.IdleTx)),
		set("multiplier", strconv.Itoa(int(b.Multiplier))),
		{names: []string{"ttl", "hoplimit"}, words: strconv.Itoa(int(b.TTL))},
		set("max_hops", strconv.Itoa(b.MaxHops)),
		weightSetting(b.Weight, b.Reverse),
	}
}

func weightSetting(weight int, reverse bool) setting {
	words := strconv.Itoa(weight)
	if reverse {
		words += " reverse"
	}
	return set("weight", words)
}

func onOffWord(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// decimalSeconds is a time as the file has it: 0.25.
func decimalSeconds(d time.Duration) string {
	whole, micros := d/time.Second, d%time.Second/time.Microsecond
	text := strconv.FormatInt(int64(whole), 10)
	if micros > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%06d", micros), "0")
	}
	return text
}
