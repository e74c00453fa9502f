package config_test

import (
	"strings"
	"testing"

	"takeover/daemon/config"
)

func TestSame(t *testing.T) {
	const text = `
vrrp_instance VI {
	interface eth0
	version 3
	virtual_router_id 7
	virtual_ipaddress {
		10.0.0.100/24 brd 10.0.0.255
	}
	use_vmac vrrp7
	unicast_peer {
		10.0.0.2 min_ttl 3
	}
	vmac_xmit_base
	garp_lower_prio_repeat 3
}`
	parse := func(text string) config.Instance {
		t.Helper()
		c, err := config.Parse("vipd.conf", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c.Instances[0]
	}
	was := parse(text)
	if !config.Same(was, parse("# further down\n"+text)) {
		t.Error("the place in the file counts")
	}
	for _, pair := range [][2]string{
		{"eth0", "eth1"},
		{"id 7", "id 8"},
		{"0.100/24", "0.101/24"},
		{"0.100/24", "0.100/23"},
		{"10.0.0.255", "10.0.0.254"},
		{"vrrp7", "vrrp8"},
		{"use_vmac vrrp7", ""},
		{"min_ttl 3", "min_ttl 4"},
		{"min_ttl 3", "min_ttl 3\n10.0.0.3"},
		{"repeat 3", "repeat 4"},
	} {
		changed := strings.Replace(text, pair[0], pair[1], 1)
		if config.Same(was, parse(changed)) {
			t.Errorf("%q in place of %q does not count", pair[1], pair[0])
		}
	}
}
