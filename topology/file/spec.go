package file

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"takeover/topology"
)

// spec makes the Spec of a tree that fits.
func (r *reader) spec(tree *value) topology.Spec {
	s := topology.Spec{Name: tree.string("name"), Summary: tree.string("summary")}
	if segments := tree.get("segments"); segments != nil {
		for _, f := range segments.fields {
			s.Segments = append(s.Segments, topology.Segment{
				Name: f.name, Prefixes: prefixes(f.all("prefix")), Uplinks: texts(f.all("uplink")), MTU: f.integer("mtu"),
			})
		}
	}
	r.copies, r.gateways = map[string]string{}, map[string]int{}
	if hosts := tree.get("hosts"); hosts != nil {
		for _, f := range hosts.fields {
			s.Hosts = append(s.Hosts, r.hosts(&f)...)
			if len(s.Hosts) > hostsMax {
				r.problem(f.at, "with %s there are more than %d hosts", f.name, hostsMax)
				break
			}
		}
	}
	return s
}

// hosts are the host of a field, or as many as it counts.
func (r *reader) hosts(f *field) []topology.Host {
	one := r.host(f)
	count := f.integer("count")
	if count == 0 {
		return []topology.Host{r.numbered(one, 0)}
	}
	var all []topology.Host
	for n := range count {
		copied := one
		copied.Name = fmt.Sprintf("%s%d", one.Name, n+1)
		r.copies[copied.Name] = one.Name
		all = append(all, r.numbered(copied, n))
	}
	return all
}

func (r *reader) host(f *field) topology.Host {
	h := topology.Host{
		Name: f.name, Role: topology.Role(f.string("role")), Loopback: prefixes(f.all("loopback")),
		Masquerade: texts(f.all("masquerade")),
	}
	if links := f.get("links"); links != nil {
		for _, l := range links.fields {
			h.Links = append(h.Links, topology.Link{
				Interface: l.name, Segment: l.string("segment"), Addresses: prefixes(l.all("address")),
			})
		}
	}
	r.gateways[f.name] = len(f.all("gateway"))
	for _, gateway := range f.all("gateway") {
		via, _ := netip.ParseAddr(gateway.text) // fits has seen it
		h.Routes = append(h.Routes, topology.Route{To: everything(via), Via: via})
	}
	for _, v := range f.all("routes") {
		h.Routes = append(h.Routes, r.route(&v))
	}
	if f.string("forward") == "true" {
		h.Sysctls = append(h.Sysctls,
			topology.Sysctl{Name: "net.ipv4.ip_forward", Value: "1"},
			topology.Sysctl{Name: "net.ipv6.conf.all.forwarding", Value: "1"})
	}
	if sysctls := f.get("sysctls"); sysctls != nil {
		for _, s := range sysctls.fields {
			h.Sysctls = append(h.Sysctls, topology.Sysctl{Name: s.name, Value: s.text})
		}
	}
	if files := f.get("files"); files != nil {
		for _, file := range files.fields {
			text := file.text
			if strings.HasPrefix(text, "./") {
				text = r.beside(&file.value)
			}
			h.Files = append(h.Files, topology.File{Path: file.name, Text: text})
		}
	}
	for _, v := range f.all("processes") {
		if p, ok := r.process(&v); ok {
			h.Processes = append(h.Processes, p)
		}
	}
	return h
}

// everything is the default route's prefix.
func everything(via netip.Addr) netip.Prefix {
	if via.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func (r *reader) route(v *value) topology.Route {
	via, _ := netip.ParseAddr(v.string("via")) // none: invalid
	made := topology.Route{Via: via, Interface: v.string("interface"), Metric: v.integer("metric")}
	to := v.get("to")
	if to.text == "default" {
		made.To = everything(via)
		return made
	}
	var err error
	if made.To, err = netip.ParsePrefix(to.text); err != nil {
		r.problem(to.Position, "to: %q is neither default nor a prefix such as 192.168.1.0/24", to.text)
	}
	return made
}

func (r *reader) process(v *value) (topology.Process, bool) {
	if v.kind != "a mapping" {
		return topology.Process{Kind: topology.ProcessKind(v.text), Name: v.text}, true
	}
	if len(v.fields) != 1 {
		r.problem(v.Position, "a process has one kind, not %d", len(v.fields))
		return topology.Process{}, false
	}
	kind := v.fields[0]
	p := topology.Process{
		Kind: topology.ProcessKind(kind.name), Name: kind.string("name"), Command: texts(kind.all("command")),
	}
	if p.Name == "" {
		p.Name = kind.name
	}
	if config := kind.get("config"); config != nil {
		p.Config, p.ConfigName = config.text, fmt.Sprintf("%s:%d", r.problems.File, config.Line)
		if !config.block {
			p.Config, p.ConfigName = r.beside(config), config.text
		}
	}
	if environment := kind.get("environment"); environment != nil {
		for _, variable := range environment.fields {
			p.Environment = append(p.Environment, variable.name+"="+variable.text)
		}
	}
	return p, true
}

// numbered counts a host's addresses up by n, and says in its configurations
// who it is.
func (r *reader) numbered(h topology.Host, n int) topology.Host {
	h.Links = slices.Clone(h.Links)
	own := ""
	for i := range h.Links {
		addresses := slices.Clone(h.Links[i].Addresses)
		for j, a := range addresses {
			addresses[j] = netip.PrefixFrom(plus(a.Addr(), n), a.Bits())
			if own == "" {
				own = addresses[j].Addr().String()
			}
		}
		h.Links[i].Addresses = addresses
	}
	h.Loopback = slices.Clone(h.Loopback)
	who := strings.NewReplacer("${HOST}", h.Name, "${NUMBER}", fmt.Sprint(n+1), "${ADDRESS}", own)
	h.Processes = slices.Clone(h.Processes)
	for i := range h.Processes {
		p := &h.Processes[i]
		p.Config = who.Replace(p.Config)
		p.Command = slices.Clone(p.Command)
		for j := range p.Command {
			p.Command[j] = who.Replace(p.Command[j])
		}
	}
	h.Files = slices.Clone(h.Files)
	for i := range h.Files {
		h.Files[i].Text = who.Replace(h.Files[i].Text)
	}
	return h
}

// plus is the nth address behind a; past the last there is none, and the Spec
// has a problem.
func plus(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}

func prefixes(values []value) []netip.Prefix {
	var all []netip.Prefix
	for _, v := range values {
		p, _ := netip.ParsePrefix(v.text) // fits has seen it
		all = append(all, p)
	}
	return all
}

func texts(values []value) []string {
	var all []string
	for _, v := range values {
		all = append(all, v.text)
	}
	return all
}
