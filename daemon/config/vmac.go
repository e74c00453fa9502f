package config

import (
	"net"
	"strconv"
	"strings"
)

// setVMAC reads [[name] NAME] [MAC], in either order.
func setVMAC(c *converter, to *instanceDraft, s *Statement) {
	to.VMAC = &to.vmac
	for _, word := range s.Arguments() {
		switch {
		case word == "name" && to.vmac.Name == "": // may stand before it
		case strings.Contains(word, ":"): // which no interface's name has
			c.hardware(s, word, &to.vmac)
		case word == "netlink_notify_msg" || word == "group":
			c.fail(s.Position, "%q after use_vmac is not implemented", word)
		case to.vmac.Name != "":
			c.fail(s.Position, "unexpected %q after use_vmac", word)
		case c.interfaceName(s, "use_vmac", word):
			to.vmac.Name = word
		}
	}
}

// finishVMAC checks use_vmac against what is known of the instance at last.
func (c *converter) finishVMAC(draft *instanceDraft) {
	if draft.VMAC == nil {
		if at, ok := draft.found["vmac_xmit_base"]; ok {
			c.warn(at, "vmac_xmit_base has no effect without use_vmac")
		}
		return
	}
	if draft.isUnicast() && !draft.vmac.TransmitBase {
		c.failWithHint(draft.found["use_vmac"], "add: vmac_xmit_base", "use_vmac with unicast_peer on %s needs vmac_xmit_base",
			draft.found["use_vmac"].lineOf(draft.found["unicast_peer"]))
	}
	if n := len(draft.vmac.Hardware); n == lengthOfMAC-1 {
		draft.vmac.Hardware = append(draft.vmac.Hardware, draft.VRID)
	}
	if draft.vmac.Name == draft.Interface && draft.Interface != "" {
		c.fail(draft.found["use_vmac"], "use_vmac %s is the name of the interface itself", draft.vmac.Name)
	}
}

// lengthOfMAC is a MAC address's, in bytes.
const lengthOfMAC = 6

// hardware reads a MAC address of 6 bytes, or of 5, which the VRID completes.
func (c *converter) hardware(s *Statement, word string, to *VMAC) {
	var address net.HardwareAddr
	for part := range strings.SplitSeq(word, ":") {
		value, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(part) > 2 {
			address = nil
			break
		}
		address = append(address, byte(value))
	}
	standard := strings.HasPrefix(address.String(), "00:00:5e:00:01:") || strings.HasPrefix(address.String(), "00:00:5e:00:02:")
	switch {
	case len(address) != lengthOfMAC && len(address) != lengthOfMAC-1:
		c.failWithHint(s.Position, "6 bytes, or 5 that the VRID follows", "use_vmac: %q is not a MAC address", word)
	case address[0]&1 != 0:
		c.fail(s.Position, "use_vmac: %s is a multicast address", word)
	case standard:
		c.failWithHint(s.Position, "leave it out for the VRID's own", "use_vmac: %s is the address of some VRID", word)
	case to.Hardware != nil:
		c.fail(s.Position, "use_vmac: unexpected second MAC address %s", word)
	default:
		to.Hardware = address
	}
}
