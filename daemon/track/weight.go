package track

// Weight is what a tracked thing does to the priority of a virtual router.
type Weight struct {
	// Value is from -253 to 253, and 0 for a fault instead of a change of the
	// priority. A file multiplies it, and allows for -254 to 254.
	Value   int
	Reverse bool // turns the direction of Value; of a 0: up is the fault
	State   State
	// Number is what a tracked file says; nil of anything else.
	Number *int
}

// The bounds of what a file adds to the priority (keepalived.conf(5), "Track
// files"): less is a fault, and more counts as the most.
const (
	fileWeightMin = -253
	fileWeightMax = 253
)

// adjustment is what is added to the priority: a positive value while the
// thing is up, a negative one while it is down (keepalived.conf(5),
// track_interface), and the opposite of either with Reverse. Of a file it is
// the number times the value.
func (w Weight) adjustment() int {
	if w.Number != nil {
		return min(max(w.product(), fileWeightMin), fileWeightMax)
	}
	value := 0
	if w.State == Up && w.Value > 0 || w.State == Down && w.Value < 0 {
		value = w.Value
	}
	if w.Reverse {
		return -value
	}
	return value
}

func (w Weight) product() int {
	if w.Reverse {
		return -*w.Number * w.Value
	}
	return *w.Number * w.Value
}

// Fault says whether the virtual router must give up because of this thing:
// with weight 0 when it is down, or when a file's number is not 0, and with
// any weight when a file asks for less than -253.
func (w Weight) Fault() bool {
	if w.Number != nil {
		return w.Value == 0 && (*w.Number != 0) != w.Reverse || w.product() < fileWeightMin
	}
	return w.Value == 0 && (w.State == Down && !w.Reverse || w.State == Up && w.Reverse)
}

// Pending says whether the virtual router must not start yet because the
// thing may be a fault and its first result is not in.
func (w Weight) Pending() bool { return w.Value == 0 && w.State == Unknown && w.Number == nil }

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
