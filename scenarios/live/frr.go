package live

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

const (
	frrName = "frr"
	// frrDirectory is where Debian has FRR's daemons.
	frrDirectory = "/usr/lib/frr"
	frrInterface = "vrrp4"
)

// frr is FRRouting's vrrpd. Of a seat it knows the virtual router; it checks no
// web server. It wants the VIP on a macvlan device with the virtual router MAC
// address (RFC 9568 §7.3), which it keeps without a carrier while it is Backup,
// and zebra to tell it of devices.
func frr() subject {
	return subject{
		name: frrName, process: "vrrpd", hint: "apt install frr", root: true,
		path: func(p Programs) string {
			if p.FRR == "" {
				return ""
			}
			return "/bin/sh"
		},
		args:       frrArguments,
		config:     frrConfig,
		virtualMAC: func(c Cluster) string { return frrMAC(c.VRID) },
	}
}

func frrMAC(vrid int) string { return fmt.Sprintf("00:00:5e:00:01:%02x", vrid) }

// frrScript makes the devices and starts zebra where they are missing, and
// becomes vrrpd. The node's own device must not answer for the VIP.
const frrScript = `
	frr=$1 config=$2
	shift 2
	mkdir -p /run/frr
	install -o frr -g frr -m 600 "$config" /run/frr/frr.conf
	chown frr:frr /run/frr
	for setting in all/arp_ignore=1 all/arp_announce=2 all/rp_filter=0 default/rp_filter=0; do
		echo "${setting#*=}" >"/proc/sys/net/ipv4/conf/${setting%=*}"
	done
	while [ $# -ge 4 ]; do
		below=$1 device=$2 mac=$3 vip=$4
		shift 4
		if ! ip link show "$device" >/dev/null 2>&1; then
			ip link add "$device" link "$below" address "$mac" type macvlan mode bridge
			ip address add "$vip" dev "$device"
			ip link set "$device" protodown on
			ip link set "$device" up
		fi
	done
	pidof zebra >/dev/null || "$frr/zebra" -d -f /run/frr/frr.conf -i /run/frr/zebra.pid -z /run/frr/zserv.api --vty_socket /run/frr
	exec "$frr/vrrpd" --log stdout -f /run/frr/frr.conf -i /run/frr/vrrpd.pid -z /run/frr/zserv.api --vty_socket /run/frr
`

// frrCommand starts FRR with its configuration and devices, four words each:
// see the script.
func frrCommand(v *service, devices ...string) []string {
	return append([]string{"sh", "-ec", frrScript, filepath.Base(v.files.config), v.programs.FRR, v.files.config}, devices...)
}

func frrArguments(v *service) []string {
	device := fmt.Sprintf("%s-%d", frrInterface, v.cluster.VRID)
	return frrCommand(v, v.seat.Interface, device, frrMAC(v.cluster.VRID), v.cluster.VIPs[0].String())
}

// frrConfig is the virtual router in FRR's language; the interval is in
// milliseconds.
func frrConfig(v *service) string {
	router := func(what string, value any) string { return fmt.Sprintf(" vrrp %d %s %v", v.cluster.VRID, what, value) }
	lines := []string{
		"frr defaults traditional",
		"hostname " + v.seat.Name,
		"log stdout informational",
		"interface " + v.seat.Interface,
		router("version", v.cluster.Version),
		router("priority", v.seat.Priority),
		router("advertisement-interval", v.cluster.Interval.Milliseconds()),
		router("ip", v.cluster.VIPs[0].Addr()),
	}
	if !v.seat.Preempt {
		lines = append(lines, fmt.Sprintf(" no vrrp %d preempt", v.cluster.VRID))
	}
	return strings.Join(lines, "\n") + "\n"
}

// frrDevices are the devices that a configuration in FRR's own language needs:
// one for each IPv4 address of a virtual router.
func frrDevices(text string) []string {
	var devices []string
	below := ""
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "interface":
			below = words[1]
		case len(words) == 4 && words[0] == "vrrp" && words[2] == "ip":
			var vrid int
			if _, err := fmt.Sscan(words[1], &vrid); err == nil && below != "" {
				devices = append(devices, below, fmt.Sprintf("%s-%d", frrInterface, vrid), frrMAC(vrid), words[3]+"/32")
			}
		}
	}
	return devices
}

// checkFRR says what keeps FRR from taking its seat.
func checkFRR(c Cluster, chosen []subject) error {
	seats := 0
	for _, s := range chosen {
		if s.name == frrName {
			seats++
		}
	}
	switch {
	case seats == 0:
		return nil
	case seats > 1:
		return errors.New("subject frr: in one seat only: its nodes share a MAC address and could not be told apart")
	case c.Version != 3:
		return errors.New("subject frr: only in version 3: it has none of version 2's authentication")
	case len(c.VIPs) != 1 || !c.VIPs[0].Addr().Is4():
		return errors.New("subject frr: only with one IPv4 address")
	case c.Unicast:
		return errors.New("subject frr: it has no unicast peers")
	}
	return nil
}
