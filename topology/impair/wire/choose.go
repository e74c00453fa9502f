package wire

import (
	"hash/fnv"
	"math"
	"time"
)

// What a random number is drawn for: each has numbers of its own.
const (
	drawChoice uint64 = iota
	drawJitter
	drawAngle
	drawBits
)

// source draws random numbers that depend on nothing but the seed, a rule's
// name, and what is asked for.
type source uint64

func sourceOf(seed uint64, name string) source {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name)) // it never fails
	return source(mix(seed) ^ hash.Sum64())
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// number is any, for the index-th frame of a way.
func (s source) number(way int, index, purpose uint64) uint64 {
	return mix(mix(uint64(s)+index) + purpose<<1 + uint64(way))
}

// uniform is from 0 up to below 1.
func (s source) uniform(way int, index, purpose uint64) float64 {
	const digits = 53 // of a float64
	return float64(s.number(way, index, purpose)>>(64-digits)) / (1 << digits)
}

// normal is of mean 0 and standard deviation 1, after Box and Muller (1958).
func (s source) normal(way int, index uint64) float64 {
	radius := math.Sqrt(-2 * math.Log(1-s.uniform(way, index, drawJitter)))
	return radius * math.Cos(2*math.Pi*s.uniform(way, index, drawAngle))
}

// chooses says whether the rule means the index-th of the frames that match on a
// way. They come in order: bursts depend on it.
func (r *rule) chooses(way int, index uint64) bool {
	switch {
	case r.Probability > 0:
		return r.random.uniform(way, index, drawChoice) < r.Probability
	case r.Every > 0:
		return (index+1)%uint64(r.Every) == 0
	case r.First > 0:
		return index < uint64(r.First)
	case r.BurstEnter > 0:
		turn := r.BurstEnter
		if r.bad[way] {
			turn = r.BurstLeave
		}
		if r.random.uniform(way, index, drawChoice) < turn {
			r.bad[way] = !r.bad[way]
		}
		return r.bad[way]
	default:
		return true
	}
}

// lateBy is the delay of the index-th frame of a way.
func (r *rule) lateBy(way int, index uint64) time.Duration {
	if r.Jitter == 0 {
		return r.Delay
	}
	offset := 2*r.random.uniform(way, index, drawJitter) - 1
	if r.Distribution == Normal {
		offset = r.random.normal(way, index)
	}
	return max(r.Delay+time.Duration(offset*float64(r.Jitter)), 0)
}

// turnBits turns over as many different bits of data as the rule says, all when
// there are no more. data is not empty.
func (r *rule) turnBits(data []byte, way int, index uint64) {
	bits := uint64(len(data)) * 8
	for n := range min(uint64(r.Count), bits) {
		// From the first on that is not turned yet, as Floyd's sampling does it:
		// the n-th comes from the first bits-Count+n+1.
		top := bits - min(uint64(r.Count), bits) + n
		at := r.random.number(way, index, drawBits+n) % (top + 1)
		if r.turned[at] {
			at = top
		}
		r.turned[at] = true
		data[at/8] ^= 1 << (at % 8)
	}
	clear(r.turned)
}
