package limit

import "time"

// bucket is an allowance that fills up with time. Its rate and size are told each time, so that they may change, and so that it is
// small: there is one for each address.
type bucket struct {
	tokens float64
	last   time.Time // when tokens was right
}

// has reports whether there is at least one token.
func (b *bucket) has(now time.Time, rate, size float64) bool {
	b.tokens = b.at(now, rate, size)
	b.last = now
	return b.tokens >= 1
}

// isFull reports whether nothing is missing.
func (b *bucket) isFull(now time.Time, rate, size float64) bool { return b.at(now, rate, size) >= size }

// at returns how many there are.
func (b *bucket) at(now time.Time, rate, size float64) float64 {
	if b.last.IsZero() {
		return size
	}
	return min(size, b.tokens+rate*max(0, now.Sub(b.last).Seconds()))
}
