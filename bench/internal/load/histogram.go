package load

import (
	"math/bits"
	"time"
)

// histogram counts times, each to within 1.6 %, in little memory: a latency has many more of them than can be kept.
type histogram struct {
	counts [64 * 64]int64
	total  int64
	most   time.Duration
}

// fine is the number of bits by which times between two powers of two are told apart.
const fine = 6

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)]++
	h.total++
	h.most = max(h.most, d)
}

func bucket(d time.Duration) int {
	v := uint64(d)
	if v < 1<<fine {
		return int(v)
	}
	shift := bits.Len64(v) - fine - 1
	return (shift+1)<<fine | int(v>>shift)&(1<<fine-1)
}

// quantile returns the time that the share q of all does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return min(upper(i), h.most)
		}
	}
	return h.most
}

// upper is the largest time of a bucket.
func upper(i int) time.Duration {
	if i < 1<<fine {
		return time.Duration(i)
	}
	shift := i>>fine - 1
	return time.Duration(uint64(i&(1<<fine-1)|1<<fine)<<shift + 1<<shift - 1)
}
