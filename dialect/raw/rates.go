package raw

import (
	"net/netip"
	"sync"
	"time"

	"github.com/parley-ws/parley/hub"
	"golang.org/x/time/rate"
)

// rates bounds the requests of each user or address. Each request is a session of its own, whose allowance in the hub is always fresh.
type rates struct {
	rate  float64
	burst int

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// maxBuckets is how many users and addresses are known at the same time.
const maxBuckets = 50_000

// take takes one from the allowance of a session's user or address, or returns an *hub.Error that says when the next is allowed.
func (t *rates) take(s *hub.Session, address string) error {
	id := s.Identity()
	per, burst := t.rate, t.burst
	if id.Rate != 0 {
		per, burst = id.Rate, max(1, id.Burst)
	}
	key := "user/" + id.User
	switch {
	case per < 0:
		return nil
	case id.Producer != "":
		key = "producer/" + id.Producer
	case id.User == "":
		if ip, err := netip.ParseAddr(address); err == nil && ip.IsLoopback() {
			return nil
		}
		key = "address/" + address
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[key]
	if b == nil {
		if len(t.buckets) >= maxBuckets {
			t.sweep()
		}
		if t.buckets == nil {
			t.buckets = map[string]*rate.Limiter{}
		}
		b = rate.NewLimiter(rate.Limit(per), burst)
		t.buckets[key] = b
	}
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	return &hub.Error{Code: hub.RateLimited, Text: "too many requests in a short time; wait, then try again", Retry: true, After: wait}
}

// sweep forgets the buckets that are full, which are as good as new, and if that does not help, all.
func (t *rates) sweep() {
	for key, b := range t.buckets {
		if b.Tokens() >= float64(b.Burst()) {
			delete(t.buckets, key)
		}
	}
	if len(t.buckets) >= maxBuckets {
		clear(t.buckets)
	}
}
