package file

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"takeover/topology"
)

//go:embed shipped
var shipped embed.FS

// Shipped are the names of the topologies that come with the program, sorted.
func Shipped() []string {
	entries, err := shipped.ReadDir("shipped")
	if err != nil {
		panic(err) // embedded above
	}
	var names []string
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), Suffix); is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// OpenShipped reads the shipped topology of that name.
func OpenShipped(name string) (topology.Spec, error) {
	text, err := ShippedFile(name + Suffix)
	if err != nil {
		return topology.Spec{}, fmt.Errorf("no topology is called %q; there are %s", name, strings.Join(Shipped(), ", "))
	}
	return Parse(name+Suffix, text, ShippedFile)
}

// ShippedFile is the text of a shipped topology file, or of one that it names
// beside it.
func ShippedFile(name string) ([]byte, error) { return fs.ReadFile(shipped, "shipped/"+name) }
