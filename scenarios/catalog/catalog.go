package catalog

import (
	"fmt"

	"takeover/topology/file"
)

// File is one file of the catalog.
type File struct {
	Name string
	Text []byte
}

// Failover returns the configurations of the failover cluster: node1.conf,
// node2.conf and node3.conf, in keepalived's language.
func Failover() []File {
	var list []File
	for number := 1; number <= 3; number++ {
		name := fmt.Sprintf("node%d.conf", number)
		text, err := file.ShippedFile("failover/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		list = append(list, File{name, text})
	}
	return list
}
