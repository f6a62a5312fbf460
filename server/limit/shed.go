package limit

import (
	"math"
	"net/http"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// ShedOptions configure a Shed. A zero field means its default.
type ShedOptions struct {
	// Percent is how much of GOMEMLIMIT may be in use before new sessions are turned away. The default is 85; a negative one is no bound.
	// Without a GOMEMLIMIT nothing is turned away.
	Percent float64

	// Refused is called with Memory when somebody was turned away. It must be quick. Nil is nobody.
	Refused func(limit string)
}

// Shed turns new sessions away while memory runs out, so that those that there are live on. NewShed makes one. Its methods may
// be called from any goroutine.
type Shed struct {
	options ShedOptions
	percent atomic.Uint64               // the bits of it
	measure func() (used, limit uint64) // memory, in bytes
	begun   time.Time
	next    atomic.Int64 // when to measure again, counted from begun
	over    atomic.Bool  // what the last measurement said
}

// shedEvery is for how long a measurement counts.
const shedEvery = 100 * time.Millisecond

// NewShed returns a Shed.
func NewShed(o ShedOptions) *Shed {
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	s := &Shed{options: o, measure: memory, begun: time.Now()}
	s.Set(o.Percent)
	return s
}

// Set puts another Percent into force, with the next measurement.
func (s *Shed) Set(percent float64) {
	switch {
	case percent == 0:
		percent = 85
	case percent < 0:
		percent = math.Inf(1)
	}
	s.percent.Store(math.Float64bits(percent))
}

// Over reports whether more memory is in use than there may be. It measures every 100 ms at most, and only when it is called.
func (s *Shed) Over() bool {
	now, next := int64(time.Since(s.begun)), s.next.Load()
	if now >= next && s.next.CompareAndSwap(next, now+int64(shedEvery)) {
		used, limit := s.measure()
		s.over.Store(float64(used) > float64(limit)*math.Float64frombits(s.percent.Load())/100)
	}
	return s.over.Load()
}

// Admit returns why a new session is turned away, or nil.
func (s *Shed) Admit() *Refusal {
	if !s.Over() {
		return nil
	}
	s.options.Refused(Memory)
	return refuse(Memory)
}

// Handler answers requests for new sessions with 503 and a Retry-After while memory runs out, and else with next.
func (s *Shed) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := s.Admit(); no != nil {
			no.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// memory returns how much memory is in use, and GOMEMLIMIT.
//
// What counts is what the next garbage collection cannot free: garbage is part of every heap, and with the default GOGC as much of it as
// there is of what lives. How much lives is known since the last collection; near the limit they follow each other closely.
func memory() (used, limit uint64) {
	const (
		total = iota
		released
		free
		objects
		live
		most
	)
	samples := [...]metrics.Sample{
		total:    {Name: "/memory/classes/total:bytes"},
		released: {Name: "/memory/classes/heap/released:bytes"},
		free:     {Name: "/memory/classes/heap/free:bytes"},
		objects:  {Name: "/memory/classes/heap/objects:bytes"},
		live:     {Name: "/gc/heap/live:bytes"},
		most:     {Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples[:])
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a later Go may not have it any more
		}
		return samples[i].Value.Uint64()
	}
	used, limit = value(total), value(most)
	for _, i := range []int{released, free} {
		used -= min(used, value(i))
	}
	if o, l := value(objects), value(live); o > l && l > 0 {
		used -= min(used, o-l)
	}
	if limit == 0 {
		limit = math.MaxInt64
	}
	return used, limit
}
