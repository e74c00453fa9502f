package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxServerWeight bounds weights.
const maxServerWeight = math.MaxInt32

// schedulers are the kernel's (net/netfilter/ipvs).
var schedulers = []string{
	"rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos",
}

// virtualServerKnown is the table of virtual_server.
var virtualServerKnown = table[struct{}]{where: "virtual_server", known: slices.Concat([]known{
	oneOf("ip_family", "inet", "inet6"),
	whole("retry", 1, math.MaxUint32),
	delay("delay_before_retry", true), delay("warmup", true), timeout("connect_timeout"), delay("delay_loop", false),
	bare("inhibit_on_failure"),
	bare("hashed"), bare("ops"), bare("flag-1"), bare("flag-2"), bare("flag-3"),
	bare("sh-port"), bare("sh-fallback"), bare("mh-port"), bare("mh-fallback"),
	text("persistence_engine", "NAME"),
	{name: "persistence_timeout", form: "[SECONDS]", max: 1, check: func(c *converter, s *Statement) {
		if words := s.Arguments(); len(words) > 0 {
			c.integer(s, s.Keyword(), words[0], 1, 86400*31)
		}
	}},
	{name: "persistence_granularity", form: "NETMASK", min: 1, max: 1, check: func(c *converter, s *Statement) {
		word := s.Arguments()[0]
		if _, err := netip.ParseAddr(word); err != nil {
			c.integer(s, s.Keyword(), word, 0, math.MaxUint32)
		}
	}},
	{name: "protocol", form: "TCP|UDP|SCTP", min: 1, max: 1, check: func(c *converter, s *Statement) {
		if word := s.Arguments()[0]; !slices.Contains([]string{"TCP", "UDP", "SCTP"}, strings.ToUpper(word)) {
			c.failWithHint(s.Position, "it may be TCP, UDP or SCTP", "unknown protocol %q", word)
		}
	}},
	bare("ha_suspend"), onOff("smtp_alert"), text("virtualhost", "NAME"), exactly(text("snmp_name", "NAME")),
	bare("alpha"), bare("omega"),
	runs("quorum_up"), runs("quorum_down"),
	whole("quorum", 1, math.MaxUint32), whole("hysteresis", 0, math.MaxUint32), whole("weight", 1, maxServerWeight),
	{name: "sorry_server", form: "ADDRESS [PORT]", min: 1, max: 2, check: checkServer},
	bare("sorry_server_inhibit"),
	forwarding("sorry_server_lvs_method"),
	nested("real_server", "ADDRESS [PORT]", 1, 2, &realServerKnown),
},
	as(oneOf("lb_algo", schedulers...), "lvs_sched"),
	as(forwarding("lb_kind"), "lvs_method"),
)}

func checkServer(c *converter, s *Statement) { c.serverAddress(s, s.Arguments()) }

// forwarding is the row of a forwarding method.
func forwarding(name string) known {
	return known{
		name: name, form: "NAT|DR|TUN [type ipip|gue|gre] [port PORT] [nocsum|csum|remcsum]",
		min: 1, max: math.MaxInt, check: checkForwarding,
	}
}

func checkForwarding(c *converter, s *Statement) {
	words := s.Arguments()
	if !slices.Contains([]string{"NAT", "DR", "TUN"}, words[0]) {
		c.failWithHint(s.Position, "it may be NAT, DR or TUN", "unknown %s %q", s.Keyword(), words[0])
		return
	}
	gue, port := false, false
	for words = words[1:]; len(words) > 0; words = words[1:] {
		switch option := words[0]; option {
		case "nocsum", "csum", "remcsum":
			continue
		case "type", "port":
			if len(words) < 2 {
				c.fail(s.Position, "%s lacks its value", option)
				return
			}
			words = words[1:]
			if option == "port" {
				_, port = c.integer(s, option, words[0], 1, math.MaxUint16)
			} else if !slices.Contains([]string{"ipip", "gue", "gre"}, words[0]) {
				c.failWithHint(s.Position, "it may be ipip, gue or gre", "unknown tunnel type %q", words[0])
			} else {
				gue = words[0] == "gue"
			}
		default:
			c.fail(s.Position, "unexpected %q after %s", option, s.Keyword())
			return
		}
	}
	if gue != port {
		c.fail(s.Position, "%s: a port belongs to tunnels of type gue, and they need it", s.Keyword())
	}
}

// realServerKnown is the table of real_server.
var realServerKnown = table[struct{}]{where: "real_server", known: []known{
	whole("weight", 0, maxServerWeight),
	forwarding("lvs_method"),
	whole("uthreshold", 0, math.MaxUint32), whole("lthreshold", 0, math.MaxUint32),
	onOff("inhibit_on_failure"),
	runs("notify_up"), runs("notify_down"),
	onOff("alpha"), whole("retry", 1, math.MaxUint32),
	delay("delay_before_retry", true), delay("warmup", true), timeout("connect_timeout"), delay("delay_loop", false),
	onOff("smtp_alert"), text("virtualhost", "NAME"), exactly(text("snmp_name", "NAME")),
	checker("TCP_CHECK", true),
	checker("PING_CHECK", true),
	checker("UDP_CHECK", true, udpKnown...),
	checker("SMTP_CHECK", true, smtpKnown...),
	checker("DNS_CHECK", true, dnsKnown...),
	needing("misc_path", "MISC_CHECK", false, miscKnown...),
	needing("track_file", "FILE_CHECK", false, fileKnown...),
	needing("name", "BFD_CHECK", false, bfdKnown...),
	needing("url", "HTTP_GET", true, httpKnown...), needing("url", "SSL_GET", true, httpKnown...),
}}

// checker is the row of one, with the keywords that all of them have and,
// if it makes connections, those of a connection.
func checker(name string, connects bool, own ...known) known {
	rows := slices.Concat(own, checkerKnown)
	if connects {
		rows = slices.Concat(rows, connectionKnown)
	}
	return nested(name, "", 0, 0, &table[struct{}]{where: name, known: rows})
}

// needing is a checker that is of no use without a keyword.
func needing(keyword, name string, connects bool, own ...known) known {
	return needed(keyword, checker(name, connects, own...))
}

// needed makes a block a fault that does not have the keyword.
func needed(keyword string, row known) known {
	check := row.check
	row.check = func(c *converter, s *Statement) {
		check(c, s)
		if !slices.ContainsFunc(statements(s.Block.Nodes), func(line *Statement) bool { return line.Keyword() == keyword }) {
			c.fail(s.Position, "%s has no %s", row.name, keyword)
		}
	}
	return row
}

var checkerKnown = []known{
	whole("retry", 0, math.MaxUint32), delay("delay_before_retry", true), delay("warmup", true),
	delay("delay_loop", false), onOff("alpha"), onOff("log_all_failures"),
}

var connectionKnown = []known{
	{name: "connect_ip", form: "ADDRESS", min: 1, max: 1, check: checkServer},
	whole("connect_port", 1, math.MaxUint16),
	{name: "bindto", form: "ADDRESS", min: 1, max: 1, check: checkServer},
	whole("bind_port", 1, math.MaxUint16), text("bind_if", "NAME"), timeout("connect_timeout"),
	whole("fwmark", 0, math.MaxUint32),
}

// What single checkers have beyond that.
var (
	udpKnown = []known{
		words("payload", "HEX", 1), words("require_reply", "[HEX]", 0),
		whole("min_reply_length", 0, math.MaxUint16), whole("max_reply_length", 0, math.MaxUint16),
	}
	smtpKnown = []known{
		text("helo_name", "NAME"),
		nested("host", "", 0, 0, &table[struct{}]{where: "host", known: connectionKnown}),
	}
	dnsKnown = []known{
		oneOf("type", "A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"), text("name", "NAME"),
	}
	miscKnown = []known{
		runs("misc_path"), whole("misc_timeout", 1, maxSeconds), bare("misc_dynamic"), words("user", "USER [GROUP]", 1),
	}
	fileKnown = []known{named("track_file", "track_file"), words("weight", "N [reverse]", 1)}
	bfdKnown  = []known{named("name", "bfd_instance")}
)

var httpKnown = []known{
	deprecated(whole("nb_get_retry", 0, math.MaxUint32), "retry"),
	text("virtualhost", "NAME"), oneOf("http_protocol", "1.0", "1.1", "1.0C", "1.0c"),
	onOff("enable_sni"), onOff("fast_recovery"),
	needed("path", nested("url", "", 0, 0, &table[struct{}]{where: "url", known: urlKnown})),
}

var urlKnown = []known{
	text("path", "PATH"), text("virtualhost", "NAME"),
	{name: "digest", form: "MD5", min: 1, max: 1, check: func(c *converter, s *Statement) {
		if word := s.Arguments()[0]; len(word) != 32 || strings.Trim(word, "0123456789abcdefABCDEF") != "" {
			c.fail(s.Position, "digest %q is not 32 hexadecimal digits", word)
		}
	}},
	{name: "status_code", form: "CODE[-CODE] ...", min: 1, max: math.MaxInt, check: checkStatusCodes},
	words("regex", "REGEX", 1), bare("regex_no_match"), words("regex_options", "OPTION ...", 1),
	whole("regex_min_offset", 0, math.MaxUint32), whole("regex_max_offset", 0, math.MaxUint32),
	words("regex_stack", "START MOST", 2),
}

// checkStatusCodes reads codes and ranges of codes of HTTP, from 100 to 599.
func checkStatusCodes(c *converter, s *Statement) {
	for _, word := range s.Arguments() {
		low, high, isRange := strings.Cut(word, "-")
		if !isRange {
			high = low
		}
		least, err := strconv.Atoi(low)
		most, err2 := strconv.Atoi(high)
		if err != nil || err2 != nil || least < 100 || most > 599 || least > most {
			c.failWithHint(s.Position, "it may be 100 to 599, or a range of them", "status_code %q is none", word)
		}
	}
}
