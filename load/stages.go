package load

import (
	"math"
	"time"
)

// A Stage changes the rate evenly, from that at the end of the stage before it to its own.
type Stage struct {
	// For is how long the change takes, or how long the rate holds if it is that of the stage before.
	For time.Duration
	// Rate is the rate at the end, in messages a second.
	Rate float64
}

// schedule says when each message is due. Rates are in messages a second, all connections together.
type schedule struct {
	legs  []leg
	count int64 // if not zero, there are no more messages than that
}

// leg is a time in which the rate changes evenly.
type leg struct {
	start, length float64 // in seconds
	from, to      float64 // rates
	before        float64 // how many messages are due before it
}

// messages is how many messages are due in the first t seconds of the leg.
func (l leg) messages(t float64) float64 {
	if l.length == 0 {
		return 0
	}
	return l.from*t + (l.to-l.from)*t*t/(2*l.length)
}

// when is the inverse of messages: after how many seconds n messages were due.
func (l leg) when(n float64) float64 {
	if n <= 0 {
		return 0
	}
	slope := (l.to - l.from) / l.length
	if math.Abs(slope) < 1e-12 {
		return n / l.from
	}
	// The root of from·t + slope·t²/2 = n in a form that does not subtract what is nearly equal.
	return 2 * n / (l.from + math.Sqrt(max(0, l.from*l.from+2*slope*n)))
}

// newSchedule makes a schedule of a constant rate for a time, or of stages that begin with that rate. A time of zero with a
// count means: until all are sent.
func newSchedule(rate float64, length time.Duration, stages []Stage, count int64) *schedule {
	s := &schedule{count: count}
	if len(stages) == 0 {
		seconds := length.Seconds()
		if seconds == 0 {
			seconds = float64(count) / rate
		}
		s.legs = []leg{{length: seconds, from: rate, to: rate}}
		return s
	}
	at, before := 0.0, 0.0
	for _, stage := range stages {
		l := leg{start: at, length: stage.For.Seconds(), from: rate, to: stage.Rate, before: before}
		rate = stage.Rate
		if l.length == 0 {
			continue // a jump
		}
		s.legs = append(s.legs, l)
		at += l.length
		before += l.messages(l.length)
	}
	return s
}

// at returns when message k, counted from 0, is due, or false if there are fewer.
func (s *schedule) at(k int64) (time.Duration, bool) {
	if s.count > 0 && k >= s.count {
		return 0, false
	}
	n := float64(k)
	for _, l := range s.legs {
		// The last instant belongs to the next leg; the allowance is for what adding up fractions loses.
		if within := l.messages(l.length); n < l.before+within-1e-6 {
			return time.Duration(math.Round((l.start + l.when(max(0, n-l.before))) * 1e9)), true
		}
	}
	return 0, false
}

// end is when the last leg ends.
func (s *schedule) end() time.Duration {
	l := s.legs[len(s.legs)-1]
	return time.Duration((l.start + l.length) * float64(time.Second))
}

// rate is how many messages a second are due at a time.
func (s *schedule) rate(at time.Duration) float64 {
	t := at.Seconds()
	for _, l := range s.legs {
		if t < l.start+l.length {
			return l.from + (l.to-l.from)*(t-l.start)/l.length
		}
	}
	return 0
}

// total is how many messages are due altogether.
func (s *schedule) total() int64 {
	l := s.legs[len(s.legs)-1]
	n := int64(math.Ceil(l.before + l.messages(l.length) - 1e-6))
	if s.count > 0 {
		n = min(n, s.count)
	}
	return n
}
