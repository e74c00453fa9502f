package track

// Weight is what a tracked thing does to the priority of a virtual router.
type Weight struct {
	Value   int  // -253 to 253; 0: no change of priority, but a fault
	Reverse bool // turns the direction of Value; of a 0: up is the fault
	State   State
}

// adjustment is what is added to the priority: a positive value while the
// thing is up, a negative one while it is down (keepalived.conf(5),
// track_interface), and the opposite of either with Reverse.
func (w Weight) adjustment() int {
	value := 0
	if w.State == Up && w.Value > 0 || w.State == Down && w.Value < 0 {
		value = w.Value
	}
	if w.Reverse {
		return -value
	}
	return value
}

// Fault says whether the virtual router must give up because of this thing.
// Only weight 0 does that.
func (w Weight) Fault() bool {
	return w.Value == 0 && (w.State == Down && !w.Reverse || w.State == Up && w.Reverse)
}

// Pending says whether the virtual router must not start yet because the
// thing may be a fault and its first result is not in.
func (w Weight) Pending() bool { return w.Value == 0 && w.State == Unknown }

// The bounds of an effective priority: 0 is the advertisement that resigns
// and 255 belongs to the address owner (RFC 3768 section 5.3.4).
const (
	minPriority   = 1
	maxPriority   = 254
	ownerPriority = 255
)

// EffectivePriority is base with all weights added, from 1 to 254. The
// address owner's 255 does not change.
func EffectivePriority(base int, weights ...Weight) int {
	if base == ownerPriority {
		return base
	}
	for _, w := range weights {
		base += w.adjustment()
	}
	return min(max(base, minPriority), maxPriority)
}
