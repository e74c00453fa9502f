package history

import (
	"cmp"
	"time"
)

// SkewTime is the Skew_Time of a node with this priority: in version 2
// (256 - priority) / 256 s whatever the interval (RFC 3768 §6.1), in version 3
// (256 - priority) x interval / 256 (RFC 9568 §6.1).
func (c Cluster) SkewTime(priority int, interval time.Duration) time.Duration {
	if c.Version == 2 {
		interval = time.Second
	}
	return time.Duration(256-priority) * interval / 256
}

// rfcDownTimerAdverts is the RFC's count (RFC 3768 §6.1, RFC 9568 §6.1).
const rfcDownTimerAdverts = 3

// ActiveDownInterval is how long a node with this priority waits for an
// advertisement before it takes over: DownTimerAdverts intervals and its
// Skew_Time.
func (c Cluster) ActiveDownInterval(priority int, interval time.Duration) time.Duration {
	return time.Duration(cmp.Or(c.DownTimerAdverts, rfcDownTimerAdverts))*interval + c.SkewTime(priority, interval)
}

// LongestDownInterval is the Active_Down_Interval of the lowest priority.
func (c Cluster) LongestDownInterval() time.Duration {
	var longest time.Duration
	for _, node := range c.Nodes {
		longest = max(longest, c.ActiveDownInterval(node.Priority, c.AdvertInterval))
	}
	return longest
}

// LongestCheck is how long the check script may need until it has noticed, or
// has noticed that all is well again; 0 without one.
func (c Cluster) LongestCheck() time.Duration {
	if c.Check == nil {
		return 0
	}
	return time.Duration(max(c.Check.Fall, c.Check.Rise))*c.Check.Interval + c.Check.Timeout
}

// Quiets says whether an advertisement keeps a Backup with this configuration
// and priority from taking over for another Active_Down_Interval, or a
// Skew_Time if its priority is 0 (RFC 3768 §6.4.2, RFC 9568 §6.4.2). One for
// another unicast peer does not.
func (n Node) Quiets(advert Advert, priority int) bool {
	if to := advert.Destination; to.IsValid() && !to.IsMulticast() && to != n.Address && to != n.LinkLocal {
		return false
	}
	return advert.Problem == "" && (advert.Priority == 0 || advert.Priority >= priority || !n.Preempt)
}

// Sent says whether an advertisement comes from the node.
func (n Node) Sent(advert Advert) bool {
	return advert.Source.IsValid() && (advert.Source == n.Address || advert.Source == n.LinkLocal)
}

// Timer is how long a Backup of this priority stays quiet after the
// advertisement. In version 3 it learns the interval from the advertisement.
func (c Cluster) Timer(advert Advert, priority int) time.Duration {
	interval := c.AdvertInterval
	if c.Version == 3 && advert.Interval > 0 {
		interval = advert.Interval
	}
	if advert.Priority == 0 {
		return c.SkewTime(priority, interval)
	}
	return c.ActiveDownInterval(priority, interval)
}

// Node returns the node of that name; without it one that has only the name.
func (c Cluster) Node(name string) Node {
	for _, node := range c.Nodes {
		if node.Name == name {
			return node
		}
	}
	return Node{Name: name}
}

// Preferred is the node that owns the VIP when all is well: the highest
// priority, and among equals the highest address (RFC 3768 §6.4.3).
func (c Cluster) Preferred() Node {
	var best Node
	for i, node := range c.Nodes {
		if i == 0 || node.Priority > best.Priority ||
			node.Priority == best.Priority && best.Address.Less(node.Address) {
			best = node
		}
	}
	return best
}
