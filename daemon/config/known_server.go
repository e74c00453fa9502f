package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// serverGroup is what later checks need of a virtual_server_group.
type serverGroup struct {
	name             string
	addresses, marks bool
	noPort           bool // an address of it has none
}

// checkServerGroup reads lines of ADDRESS[-END|/LENGTH] [PORT] and of
// fwmark MARK [inet|inet6].
func checkServerGroup(c *converter, s *Statement) {
	group := serverGroup{name: s.Arguments()[0]}
	for _, line := range c.lines(s.Block) {
		if line.Words[0] == "fwmark" {
			group.marks = true
			if len(line.Words) < 2 {
				c.fail(line.Position, "fwmark lacks its value")
				continue
			}
			c.integer(line, "fwmark", line.Words[1], 0, math.MaxUint32)
			if len(line.Words) > 2 && line.Words[2] != "inet" && line.Words[2] != "inet6" {
				c.failWithHint(line.Position, "it may be inet or inet6", "unknown family %q", line.Words[2])
			}
			continue
		}
		group.addresses = true
		first, _, _ := strings.Cut(line.Words[0], "-")
		first, _, _ = strings.Cut(first, "/")
		address, ok := c.serverAddress(line, slices.Concat([]string{first}, line.Arguments()))
		group.noPort = group.noPort || ok && address.Port() == 0
	}
	if !group.addresses && !group.marks {
		c.warn(s.Position, "virtual_server_group %q is empty", group.name)
	}
	c.serverGroups = append(c.serverGroups, group)
}

// virtualServer is what checks need of a virtual_server.
type virtualServer struct {
	s                 *Statement
	address           netip.AddrPort
	mark              bool
	group             string
	protocol          string
	found             seen
	method, scheduler string
	quorum            int
	weight            int // of a real server that says none
	hysteresis        int
	reals             []realServer
}

type realServer struct {
	s       *Statement
	address netip.AddrPort
	method  string
	weight  int
}

// checkVirtualServer reads one; what several statements are about is checked
// when all of the file is read.
func checkVirtualServer(c *converter, s *Statement) {
	v := virtualServer{s: s, found: seen{}, quorum: 1, weight: 1}
	words := s.Arguments()
	switch {
	case words[0] == "group" && len(words) > 1:
		v.group = words[1]
	case words[0] == "fwmark" && len(words) > 1:
		v.mark = true
		c.integer(s, "fwmark", words[1], 0, math.MaxInt32)
	default:
		v.address, _ = c.serverAddress(s, words)
	}
	virtualServerKnown.apply(c, &struct{}{}, s.Block.Nodes)
	for _, line := range statements(s.Block.Nodes) {
		v.found[line.Keyword()] = line.Position
		v.read(line)
	}
	c.virtualServers = append(c.virtualServers, v)
}

// read takes what checks need from a statement that was checked by itself.
func (v *virtualServer) read(line *Statement) {
	if len(line.Words) < 2 {
		return
	}
	switch word := line.Words[1]; line.Keyword() {
	case "protocol":
		v.protocol = strings.ToUpper(word)
	case "lb_algo", "lvs_sched":
		v.scheduler = word
	case "lb_kind", "lvs_method":
		v.method = word
	case "quorum":
		v.quorum = wholeOr(word, v.quorum)
	case "hysteresis":
		v.hysteresis = wholeOr(word, 0)
	case "weight":
		v.weight = wholeOr(word, 1)
	case "real_server":
		r := realServer{s: line, method: v.method, weight: -1}
		address, err := netip.ParseAddr(word)
		if err != nil || line.Block == nil {
			return
		}
		port := 0
		if len(line.Words) > 2 {
			port = wholeOr(line.Words[2], 0)
		}
		r.address = netip.AddrPortFrom(address, uint16(port))
		r.method = ""
		for _, inner := range statements(line.Block.Nodes) {
			if len(inner.Words) > 1 && inner.Keyword() == "weight" {
				r.weight = wholeOr(inner.Words[1], 1)
			}
			if len(inner.Words) > 1 && inner.Keyword() == "lvs_method" {
				r.method = inner.Words[1]
			}
		}
		v.reals = append(v.reals, r)
	}
}

func wholeOr(word string, otherwise int) int {
	if value, err := strconv.Atoi(word); err == nil {
		return value
	}
	return otherwise
}

// checkServers warns of what keepalived sets otherwise than it is written
// (validate_check_config in check/check_data.c).
func (c *converter) checkServers() {
	for i := range c.virtualServers {
		v := &c.virtualServers[i]
		if len(v.reals) == 0 {
			c.warn(v.s.Position, "virtual_server %s has no real_server", v.name())
			continue
		}
		c.checkService(v)
		c.checkReals(v)
	}
}

func (v *virtualServer) name() string { return strings.Join(v.s.Arguments(), " ") }

func (v *virtualServer) has(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return v.found[name].Line > 0 })
}

func (c *converter) checkService(v *virtualServer) {
	at := v.s.Position
	group := serverGroup{addresses: !v.mark, marks: v.mark, noPort: v.address.IsValid() && v.address.Port() == 0}
	if v.group != "" {
		known := slices.IndexFunc(c.serverGroups, func(g serverGroup) bool { return g.name == v.group })
		if known < 0 {
			c.note(at, "", "no virtual_server_group %q", v.group)
			return
		}
		group = c.serverGroups[known]
	}
	persistent := v.has("persistence_timeout", "persistence_granularity")
	switch {
	case group.addresses && v.protocol == "":
		c.warnWithHint(at, "add: protocol TCP", "virtual_server %s has no protocol: it would be UDP", v.name())
	case group.addresses && v.has("ops") && v.protocol != "UDP":
		c.warn(v.found["ops"], "ops has an effect for UDP only")
	case !group.addresses && v.protocol != "":
		c.warn(v.found["protocol"], "protocol has no effect with a fwmark")
	}
	for _, flag := range []string{"sh-port", "sh-fallback", "mh-port", "mh-fallback", "hashed"} {
		if v.has(flag) && v.scheduler != "sh" && v.scheduler != "mh" {
			c.warn(v.found[flag], "%s has an effect for the schedulers sh and mh only", flag)
		}
	}
	if v.has("sorry_server_inhibit", "sorry_server_lvs_method") && !v.has("sorry_server") {
		c.warn(at, "virtual_server %s has no sorry_server, and says something of it", v.name())
	}
	if group.marks && v.has("ha_suspend") {
		c.warn(v.found["ha_suspend"], "ha_suspend has no effect with a fwmark")
	}
	if group.noPort && !persistent {
		c.warnWithHint(at, "add: persistence_timeout", "virtual_server %s has no port, which only persistent services may lack", v.name())
	}
	if !v.has("lb_algo", "lvs_sched") {
		c.warnWithHint(at, "add: lvs_sched wlc", "virtual_server %s has no scheduler", v.name())
	}
}

func (c *converter) checkReals(v *virtualServer) {
	sum, untold := 0, true
	var before []realServer
	for _, r := range v.reals {
		at := r.s.Position
		if slices.ContainsFunc(before, func(other realServer) bool { return other.address == r.address }) {
			c.warn(at, "real_server %s stands twice in virtual_server %s", r.address, v.name())
			continue
		}
		before = append(before, r)
		method := r.method
		if method == "" {
			method = v.method
		}
		if method == "" && untold {
			untold = false
			c.warnWithHint(at, "add: lvs_method NAT", "virtual_server %s has no forwarding method", v.name())
		}
		if r.weight < 0 {
			r.weight = v.weight
		}
		sum += r.weight
		nat := method == "NAT" || method == ""
		tunnel := method == "TUN"
		switch port := r.address.Port(); {
		case v.address.IsValid() && !tunnel && v.address.Addr().Is4() != r.address.Addr().Is4():
			c.warn(at, "real_server %s is not of the family of its virtual_server", r.address.Addr())
		case nat || port == 0 || v.group != "":
		case v.mark:
			c.warn(at, "the port of real_server %s has no effect with a fwmark", r.address)
		case port != v.address.Port():
			c.warn(at, "the port of real_server %s has no effect: only NAT changes ports", r.address)
		}
	}
	if v.quorum > sum {
		c.warn(v.s.Position, "quorum %d of virtual_server %s is more than all its weights, %d", v.quorum, v.name(), sum)
		v.quorum = sum
	}
	if v.hysteresis >= v.quorum {
		c.warn(v.s.Position, "hysteresis %d of virtual_server %s is not below the quorum %d", v.hysteresis, v.name(), v.quorum)
	}
}
