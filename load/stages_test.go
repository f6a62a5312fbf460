package load

import (
	"testing"
	"time"
)

func TestScheduleConstant(t *testing.T) {
	s := newSchedule(4, 2*time.Second, nil, 0)
	for k, want := range []time.Duration{0, 250, 500, 750, 1000, 1250, 1500, 1750} {
		if got, ok := s.at(int64(k)); !ok || got != want*time.Millisecond {
			t.Errorf("message %d is due at %v, %v; want %v ms", k, got, ok, want)
		}
	}
	if at, ok := s.at(8); ok {
		t.Errorf("a ninth message is due at %v", at)
	}
	if s.total() != 8 || s.end() != 2*time.Second || s.rate(time.Second) != 4 || s.rate(3*time.Second) != 0 {
		t.Errorf("total %d, end %v, rate %v", s.total(), s.end(), s.rate(time.Second))
	}
}

func TestScheduleCount(t *testing.T) {
	for _, s := range []*schedule{newSchedule(10, 0, nil, 5), newSchedule(10, time.Hour, nil, 5)} {
		if at, ok := s.at(4); !ok || at != 400*time.Millisecond || s.total() != 5 {
			t.Errorf("the fifth message: %v, %v; total %d", at, ok, s.total())
		}
		if _, ok := s.at(5); ok {
			t.Error("there is a sixth message")
		}
	}
}

// The k-th message is due when the area under the rate is k, whatever the stages are.
func TestScheduleStages(t *testing.T) {
	for name, tc := range map[string]struct {
		from   float64
		stages []Stage
		total  int64
	}{
		"up":             {0, []Stage{{10 * time.Second, 100}}, 500},
		"down":           {100, []Stage{{10 * time.Second, 0}}, 500},
		"up, hold, down": {0, []Stage{{2 * time.Second, 50}, {4 * time.Second, 50}, {2 * time.Second, 0}}, 300},
		"a jump":         {10, []Stage{{time.Second, 10}, {0, 1000}, {time.Second, 1000}}, 1010},
		"a silence":      {10, []Stage{{time.Second, 10}, {0, 0}, {time.Second, 0}, {0, 10}, {time.Second, 10}}, 20},
	} {
		s := newSchedule(tc.from, 0, tc.stages, 0)
		if s.total() != tc.total {
			t.Errorf("%s: %d messages, want %d", name, s.total(), tc.total)
		}
		last := time.Duration(-1)
		for k := range tc.total {
			at, ok := s.at(k)
			if !ok || at < last || at > s.end() {
				t.Fatalf("%s: message %d is due at %v, %v, the one before at %v", name, k, at, ok, last)
			}
			last = at
			area := 0.0
			for _, l := range s.legs {
				area += l.messages(min(max(at.Seconds()-l.start, 0), l.length))
			}
			if d := area - float64(k); d > 1e-3 || d < -1e-3 {
				t.Fatalf("%s: message %d is due at %v, where %v were due", name, k, at, area)
			}
		}
		if at, ok := s.at(tc.total); ok {
			t.Errorf("%s: one more message is due at %v", name, at)
		}
	}
	s := newSchedule(0, 0, []Stage{{10 * time.Second, 100}}, 0)
	if r := s.rate(5 * time.Second); r < 49.99 || r > 50.01 {
		t.Errorf("in the middle the rate is %v", r)
	}
}
