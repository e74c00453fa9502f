package catalog

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"text/template"
)

//go:embed variant/node.conf
var variantFiles embed.FS

var variantTemplate = template.Must(template.ParseFS(variantFiles, "variant/node.conf"))

// Variant is one way to run VRRP between three nodes.
type Variant struct {
	Version int  // 2 or 3
	IPv6    bool // needs version 3
	Unicast bool // to peers instead of the multicast group
}

// Variants are all that there are.
func Variants() []Variant {
	return []Variant{
		{Version: 2},
		{Version: 2, Unicast: true},
		{Version: 3},
		{Version: 3, Unicast: true},
		{Version: 3, IPv6: true},
		{Version: 3, IPv6: true, Unicast: true},
	}
}

// String names a variant: v3-ipv6-unicast.
func (v Variant) String() string {
	family, mode := "ipv4", "multicast"
	if v.IPv6 {
		family = "ipv6"
	}
	if v.Unicast {
		mode = "unicast"
	}
	return fmt.Sprintf("v%d-%s-%s", v.Version, family, mode)
}

// Files returns the configurations of three nodes, node1.conf to node3.conf,
// in keepalived's language: the priorities 250, 200 and 100, advertisements
// every second in version 2 and every 100 ms in version 3, the second round of
// announcements after 1 s, and no check script.
func (v Variant) Files() []File {
	address := "10.0.0.%d"
	if v.IPv6 {
		address = "fd00::%d"
	}
	var addresses []string
	for number := range 3 {
		addresses = append(addresses, fmt.Sprintf(address, 101+number))
	}
	var list []File
	for i, priority := range []int{250, 200, 100} {
		var text bytes.Buffer
		err := variantTemplate.Execute(&text, map[string]any{
			"Variant": v, "Name": fmt.Sprintf("node%d", i+1), "Priority": priority,
			"Address": addresses[i], "Peers": slices.Delete(slices.Clone(addresses), i, i+1),
			"VIP": fmt.Sprintf(address, 200),
		})
		if err != nil {
			panic(err) // embedded above
		}
		list = append(list, File{fmt.Sprintf("node%d.conf", i+1), text.Bytes()})
	}
	return list
}
