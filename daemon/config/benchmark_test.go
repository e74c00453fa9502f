package config

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// large is a configuration of so many instances and so many virtual addresses
// in each.
func large(instances, addresses int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id large\n    vrrp_version 3\n}\n")
	for i := range instances {
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n    interface eth%d\n    virtual_router_id %d\n    priority 100\n    advert_int 1\n    virtual_ipaddress {\n",
			i, i/250%2, i%250+1)
		fmt.Fprintf(&b, "        10.%d.%d.1/24\n", i/250, i%250)
		for j := 1; j < addresses; j++ {
			fmt.Fprintf(&b, "        10.%d.%d.%d/32\n", i/250, i%250, j+1)
		}
		fmt.Fprintf(&b, "    }\n    mcast_dst_ip 224.0.0.%d\n}\n", 18+i/500)
	}
	return b.String()
}

// BenchmarkParse reads 1,000 instances with 10,000 virtual addresses.
func BenchmarkParse(b *testing.B) {
	text := []byte(large(1000, 10))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("large.conf", text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseOfSequences makes the same of variables and sequences.
func BenchmarkParseOfSequences(b *testing.B) {
	text := []byte("$VI= \\\nvrrp_instance VI_${n}_$i { \\\ninterface eth0 \\\nvirtual_router_id $i \\\n" +
		"mcast_dst_ip 224.0.0.${n}1 \\\nvirtual_ipaddress { \\\n~SEQ(j, 1, 10) 10.${n}.${i}.$j \\\n} \\\n}\n\n~SEQ(n, 1, 4) ~SEQ(i, 1, 250) $VI\n")
	for b.Loop() {
		got, err := Parse("large.conf", text)
		if err != nil {
			b.Fatal(err)
		}
		if len(got.Instances) != 1000 {
			b.Fatalf("%d instances", len(got.Instances))
		}
	}
}

// BenchmarkKeepalived is what `keepalived --config-test` takes for the file of
// BenchmarkParse, with the start of its process.
func BenchmarkKeepalived(b *testing.B) {
	if _, err := exec.LookPath("keepalived"); err != nil {
		b.Skip("keepalived is not installed")
	}
	file := filepath.Join(b.TempDir(), "large.conf")
	if err := os.WriteFile(file, []byte(large(1000, 10)), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		// It is not content with interfaces that do not exist, and says so.
		_ = exec.CommandContext(b.Context(), "keepalived", "--config-test", "--use-file", file).Run()
	}
}

func TestLargeConfigurationsAreRead(t *testing.T) {
	got, err := Parse("large.conf", []byte(large(1000, 10)))
	if err != nil {
		t.Fatal(err)
	}
	addresses := 0
	for _, i := range got.Instances {
		addresses += len(i.VirtualAddresses)
	}
	if len(got.Instances) != 1000 || addresses != 10000 {
		t.Errorf("%d instances, %d addresses", len(got.Instances), addresses)
	}
}
