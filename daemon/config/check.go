package config

import "net/netip"

// complete fills in what one part of a file says about another, and checks
// what can only be seen when all of it is read.
func (c *converter) complete(to *Config) {
	if len(c.instances) == 0 && len(c.faults) == 0 {
		c.note(Position{File: to.File, Line: 1}, "", "no vrrp_instance is defined")
	}
	c.resolveGroups()
	for _, group := range c.groups {
		c.checkTracked(to, group.tracks)
		to.Groups = append(to.Groups, group.SyncGroup)
	}
	for _, draft := range c.instances {
		c.checkTracked(to, draft.tracks)
		c.resolveTracking(to, draft)
		c.checkExtensions(draft)
		to.Instances = append(to.Instances, draft.Instance)
	}
	c.checkVRIDs(to.Instances)
	c.checkAddresses(to.Instances)
	c.checkVMACs(to.Instances)
}

// checkVRIDs reports virtual routers that hear each other on one interface.
// Unicast and multicast, and two multicast groups, are apart.
func (c *converter) checkVRIDs(instances []Instance) {
	type router struct {
		device string
		vrid   uint8
		ipv6   bool
		group  netip.Addr
	}
	first := map[router]*Instance{}
	for i := range instances {
		instance := &instances[i]
		key := router{instance.Interface, instance.VRID, instance.IPv6, instance.Group}
		if key.device == "" || key.vrid == 0 {
			continue // reported already
		}
		if other, ok := first[key]; ok {
			c.fail(instance.Position, "vrrp_instance %q has virtual_router_id %d on %s, as %q on %s has",
				instance.Name, key.vrid, key.device, other.Name, instance.Position.lineOf(other.Position))
			continue
		}
		first[key] = instance
	}
}

func (c *converter) checkAddresses(instances []Instance) {
	type place struct {
		device  string
		address netip.Addr
	}
	first := map[place]Position{}
	for _, instance := range instances {
		for _, list := range [][]VirtualAddress{instance.VirtualAddresses, instance.ExcludedAddresses} {
			for _, virtual := range list {
				key := place{virtual.Device, virtual.Prefix.Addr()}
				if earlier, ok := first[key]; ok {
					c.fail(virtual.Position, "virtual address %s was given to %s on %s already",
						key.address, key.device, virtual.Position.lineOf(earlier))
					continue
				}
				first[key] = virtual.Position
			}
		}
	}
}

// checkVMACs reports names of interfaces that two instances want to make.
func (c *converter) checkVMACs(instances []Instance) {
	first := map[string]*Instance{}
	for i := range instances {
		instance := &instances[i]
		if instance.VMAC == nil || instance.VMAC.Name == "" {
			continue
		}
		if other, ok := first[instance.VMAC.Name]; ok {
			c.fail(instance.Position, "vrrp_instance %q has use_vmac %s, as %q on %s has",
				instance.Name, instance.VMAC.Name, other.Name, instance.Position.lineOf(other.Position))
			continue
		}
		first[instance.VMAC.Name] = instance
	}
}
