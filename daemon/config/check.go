package config

import (
	"net/netip"
	"slices"
)

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
	c.checkServers()
	c.checkReferences(to)
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
			c.failWithHint(instance.Position, "give it another one, or another interface", "vrrp_instance %q has virtual_router_id %d on %s, as %q on %s has",
				instance.Name, key.vrid, key.device, other.Name, instance.Position.lineOf(other.Position))
			continue
		}
		first[key] = instance
	}
}

// checkAddresses reports addresses that two instances have, and drops what one
// has twice.
func (c *converter) checkAddresses(instances []Instance) {
	type place struct {
		device  string
		address netip.Addr
	}
	type owner struct {
		instance int
		at       Position
	}
	first := map[place]owner{}
	for i := range instances {
		for _, list := range []*[]VirtualAddress{&instances[i].VirtualAddresses, &instances[i].ExcludedAddresses} {
			*list = slices.DeleteFunc(*list, func(virtual VirtualAddress) bool {
				key := place{virtual.Device, virtual.Prefix.Addr()}
				earlier, twice := first[key]
				switch {
				case !twice:
					first[key] = owner{i, virtual.Position}
				case earlier.instance == i:
					c.note(virtual.Position, "the first one counts", "virtual address %s was given to %s on %s already",
						key.address, key.device, virtual.Position.lineOf(earlier.at))
					return true
				default:
					c.failWithHint(virtual.Position, "both routers may be Active: give it to one of them",
						"virtual address %s was given to %s on %s already", key.address, key.device, virtual.Position.lineOf(earlier.at))
				}
				return false
			})
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
