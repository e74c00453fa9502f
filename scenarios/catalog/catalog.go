package catalog

import (
	"embed"
	"fmt"
)

//go:embed failover/*.conf
var files embed.FS

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
		text, err := files.ReadFile("failover/" + name)
		if err != nil {
			panic(err) // embedded above
		}
		list = append(list, File{name, text})
	}
	return list
}
