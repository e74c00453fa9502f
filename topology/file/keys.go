package file

import "takeover/topology"

func text() *shape    { return &shape{scalar: "text"} }
func prefix() *shape  { return &shape{scalar: "prefix"} }
func address() *shape { return &shape{scalar: "address"} }
func integer(low, high int) *shape {
	return &shape{scalar: "integer", min: low, max: high}
}

// oneOrMore is a shape, or a list of it.
func oneOrMore(s *shape) *shape {
	either := *s
	either.item = s
	return &either
}

func namesOf[T ~string](all []T) []string {
	var names []string
	for _, one := range all {
		names = append(names, string(one))
	}
	return names
}

// hostsMax is the most hosts of a file: a lab of more does not fit on a machine.
const hostsMax = 1000

// root is what a topology file may say.
var root = &shape{keys: []key{
	{"name", "what commands and reports call it; the file's name without .lab.yaml unless given", "failover", text(), false},
	{"summary", "one line for listings", "three nodes, one virtual IP", text(), false},
	{"segments", "broadcast domains, by their names of at most 15 bytes", "lan: {prefix: 10.0.0.0/24}", &shape{named: segment, names: "segment"}, true},
	{"hosts", "machines, by their names of lower-case letters, digits and hyphens", "node1: {role: node}", &shape{named: host, names: "host"}, true},
}}

var segment = &shape{keys: []key{
	{"prefix", "what addresses on it are of; any unless given", "10.0.0.0/24", oneOrMore(prefix()), false},
	{"uplink", "segments that it is bridged with, named on one side only", "core", oneOrMore(text()), false},
	{"mtu", "of the bridge and the links to it, in bytes", "9000", integer(68, 65535), false},
}}

var host = &shape{keys: []key{
	{"role", "what it is for", "node", &shape{scalar: "text", enum: namesOf(topology.Roles())}, false},
	{"count", "so many hosts, NAME1, NAME2...; their addresses count up", "3", integer(1, hostsMax), false},
	{"links", "its interfaces, by their names of at most 15 bytes", "eth0: {segment: lan, address: 10.0.0.101/24}", &shape{named: link, names: "interface"}, false},
	{"loopback", "addresses of lo", "10.0.0.200/32", oneOrMore(prefix()), false},
	{"gateway", "next hops of its default routes, one a family", "10.0.0.1", oneOrMore(address()), false},
	{"routes", "further routes", "- {to: 192.168.1.0/24, via: 10.0.0.1}", &shape{item: route}, false},
	{"forward", "it forwards between its interfaces", "true", &shape{scalar: "boolean"}, false},
	{"masquerade", "interfaces that forwarded packets leave with the host's own address", "eth1", oneOrMore(text()), false},
	{"sysctls", "kernel parameters of its network, net.* only", "net.ipv4.conf.all.arp_ignore: 1", &shape{named: text(), names: "parameter"}, false},
	{"files", "files that its processes see, by their absolute paths: text, or ./PATH beside the topology file", "/etc/motd: hello", &shape{named: text(), names: "path"}, false},
	{"processes", "what runs on it, started in this order", "- nginx", &shape{item: process}, false},
}}

var link = &shape{keys: []key{
	{"segment", "what it is joined to", "lan", text(), true},
	{"address", "its addresses with their lengths", "10.0.0.101/24", oneOrMore(prefix()), false},
}}

var route = &shape{keys: []key{
	{"to", "a prefix, or default", "192.168.1.0/24", text(), true},
	{"via", "the next hop; none: on the link", "10.0.0.1", address(), false},
	{"interface", "where via does not say it", "eth0", text(), false},
	{"metric", "the lower goes first", "100", integer(0, 1<<31-1), false},
}}

// A process is its kind alone, or a mapping with the kind as its only key.
var process = &shape{scalar: "text", enum: namesOf(topology.ProcessKinds()), keys: kindKeys()}

func kindKeys() []key {
	var keys []key
	for _, kind := range topology.ProcessKinds() {
		keys = append(keys, key{string(kind), "", "", settings, false})
	}
	return keys
}

var settings = &shape{keys: []key{
	{"name", "unique on the host; the kind unless given", "web", text(), false},
	{"config", "its configuration: a path beside the topology file, or the text itself as a block (|)", "node1.conf", text(), false},
	{"command", "program and arguments, of kind command", "[sleep, infinity]", oneOrMore(text()), false},
	{"environment", "further variables", "LANG: C", &shape{named: text(), names: "variable"}, false},
}}
