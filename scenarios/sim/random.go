package sim

// stream is a stream of random numbers (splitmix64, Steele and others, 2014).
// A run has one for each purpose, link and seed, so that leaving one fault out
// does not change what the others meet.
type stream struct{ state uint64 }

// The purposes.
const (
	purposeLoss = iota
	purposeBurst
	purposeDelay
	purposeDuplicate
	purposeReorder
	purposes
)

const golden = 0x9e3779b97f4a7c15

// newStream is the stream of a seed and a number that tells it from others.
func newStream(seed uint64, number int) stream {
	s := stream{seed}
	s.state = s.next() ^ uint64(number)*golden
	return stream{s.next()}
}

func (s *stream) next() uint64 {
	s.state += golden
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 implements rand.Source of math/rand/v2.
func (s *stream) Uint64() uint64 { return s.next() }

// happens is true for that share of the calls.
func (s *stream) happens(share float64) bool {
	return float64(s.next()>>11)/(1<<53) < share
}

// below is uniform from 0 to n-1; n is from 1 to 2^53.
func (s *stream) below(n int64) int64 {
	return int64(float64(s.next()>>11) / (1 << 53) * float64(n))
}
