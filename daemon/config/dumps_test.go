package config

import (
	"fmt"
	"testing"
)

func TestUmask(t *testing.T) {
	for words, want := range map[string]string{
		"022": "022", "0x3f": "077", "8": "010", "0": "0", "IWGRP|IWOTH": "022", "IWGRP | IXOTH": "021", "IRUSR": "0400",
		"01000": "error", "IWGRP|": "error", "IWALL": "error", "-1": "error",
	} {
		text := fmt.Sprintf("global_defs {\n umask %s\n}\nvrrp_instance VI {\n interface eth0\n virtual_router_id 1\n"+
			" virtual_ipaddress {\n 10.0.0.1\n }\n}\n", words)
		got := "error"
		if c, err := Parse("test.conf", []byte(text)); err == nil {
			got = fmt.Sprintf("%#o", *c.Global.Umask)
		}
		if got != want {
			t.Errorf("umask %s: %s, want %s", words, got, want)
		}
	}
}
