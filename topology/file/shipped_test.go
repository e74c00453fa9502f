package file_test

import (
	"slices"
	"testing"

	"takeover/topology/file"
)

func TestShippedTopologiesAreValid(t *testing.T) {
	hosts := map[string]int{
		"failover": 4, "two-subnets": 4, "two-routers": 4, "dual-lan": 4, "ipv6": 4, "big": 1000,
		"failover-fast": 3, "failover-weighted": 3, "failover-nopreempt": 3, "failover-vmac": 3, "many-addresses": 3,
		"failover-spread": 4, "failover-unicast": 4, "failover-equal": 3,
	}
	for _, name := range file.Shipped() {
		spec, err := file.OpenShipped(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if spec.Name != name || spec.Summary == "" || len(spec.Hosts) != hosts[name] {
			t.Errorf("%s is called %q, %q, with %d hosts", name, spec.Name, spec.Summary, len(spec.Hosts))
		}
		delete(hosts, name)
	}
	if len(hosts) > 0 {
		t.Errorf("there is no %v", hosts)
	}
}

func TestCountedHostsCountUp(t *testing.T) {
	spec, err := file.OpenShipped("big")
	if err != nil {
		t.Fatal(err)
	}
	last, found := spec.Host("host996")
	if !found || last.Links[0].Addresses[0].String() != "10.0.4.228/16" {
		t.Errorf("the last host is %+v", last)
	}
	if slices.Contains(file.Shipped(), "") {
		t.Error("a topology without a name")
	}
}
