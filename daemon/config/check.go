package config

import "net/netip"

// complete fills in what one part of a file says about another, and checks
// what can only be seen when all of it is read.
func (c *converter) complete(to *Config) {
	if len(to.Instances) == 0 && len(c.faults) == 0 {
		c.fail(Position{File: to.File, Line: 1}, "no vrrp_instance is defined")
	}
	for i := range to.Instances {
		instance := &to.Instances[i]
		if instance.GARPDelay < 0 {
			instance.GARPDelay = to.Global.GARPDelay
		}
		if instance.GARPRepeat == 0 {
			instance.GARPRepeat = to.Global.GARPRepeat
		}
		for j := range instance.TrackScripts {
			c.resolveScript(to, instance, &instance.TrackScripts[j])
		}
		for _, tracked := range instance.TrackInterfaces {
			c.checkOwner(instance, tracked.Position, "interface", tracked.Name, tracked.Weight)
		}
	}
	c.checkVRIDs(to.Instances)
	c.checkAddresses(to.Instances)
}

// resolveScript finds the script that an instance tracks. A weight without
// reverse or noreverse keeps the script's own direction.
func (c *converter) resolveScript(to *Config, instance *Instance, tracked *TrackScript) {
	names := make([]string, 0, len(to.Scripts))
	for _, script := range to.Scripts {
		if script.Name == tracked.Name {
			tracked.Reverse = script.Reverse
			if reverse, ok := c.directions[tracking{instance.Name, tracked.Name}]; ok {
				tracked.Reverse = reverse
			}
			weight := script.Weight
			if tracked.Weight != nil {
				weight = *tracked.Weight
			}
			c.checkOwner(instance, tracked.Position, "script", tracked.Name, weight)
			return
		}
		names = append(names, script.Name)
	}
	c.failWithHint(tracked.Position, didYouMean(tracked.Name, names), "track_script: no vrrp_script %q", tracked.Name)
}

// checkOwner warns of a weight at the address owner, whose priority is fixed
// at 255 (RFC 3768 section 6.1).
func (c *converter) checkOwner(instance *Instance, at Position, kind, name string, weight int) {
	if weight != 0 && instance.Priority == 255 {
		c.warn(at, "the weight of %s %q has no effect at priority 255", kind, name)
	}
}

func (c *converter) checkVRIDs(instances []Instance) {
	type router struct {
		device string
		vrid   uint8
	}
	first := map[router]*Instance{}
	for i := range instances {
		instance := &instances[i]
		key := router{instance.Interface, instance.VRID}
		if key.device == "" || key.vrid == 0 {
			continue // reported already
		}
		if other, ok := first[key]; ok {
			c.fail(instance.Position, "vrrp_instance %q has virtual_router_id %d on %s, as %q on line %d has",
				instance.Name, key.vrid, key.device, other.Name, other.Position.Line)
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
		for _, virtual := range instance.VirtualAddresses {
			key := place{virtual.Device, virtual.Prefix.Addr()}
			if earlier, ok := first[key]; ok {
				c.fail(virtual.Position, "virtual address %s was given to %s on line %d already",
					key.address, key.device, earlier.Line)
				continue
			}
			first[key] = virtual.Position
		}
	}
}
