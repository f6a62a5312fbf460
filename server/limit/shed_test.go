package limit

import (
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used uint64
		measured, refused := 0, 0
		s := NewShed(ShedOptions{Refused: func(limit string) {
			if limit != Memory {
				t.Error(limit)
			}
			refused++
		}})
		s.measure = func() (uint64, uint64) { measured++; return used, 1000 }
		h := s.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
		serve := func(want int) {
			t.Helper()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != want {
				t.Errorf("status %d, want %d", w.Code, want)
			}
			if w.Code == 503 && (w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "short of memory")) {
				t.Errorf("%v %q", w.Header(), w.Body)
			}
		}
		used = 850
		serve(204)
		used = 851
		serve(204) // as measured just now
		time.Sleep(shedEvery)
		serve(503)
		used = 10
		serve(503)
		if measured != 2 || refused != 2 {
			t.Errorf("measured %d times, refused %d", measured, refused)
		}
		time.Sleep(time.Hour)
		serve(204)
		if measured != 3 {
			t.Errorf("measured %d times: nobody asked meanwhile", measured)
		}
	})
}

// The percentage can change, and be none.
func TestShedIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewShed(ShedOptions{Percent: -1})
		s.measure = func() (uint64, uint64) { return 5000, 1000 }
		for _, c := range []struct {
			percent float64
			over    bool
		}{{-1, false}, {0, true}, {499, true}, {501, false}} {
			s.Set(c.percent)
			time.Sleep(shedEvery)
			if s.Over() != c.over {
				t.Errorf("%v%%: over is %v", c.percent, !c.over)
			}
		}
	})
}

func TestShedConcurrently(t *testing.T) {
	s := NewShed(ShedOptions{Percent: 50})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				s.Admit()
			}
		})
	}
	all.Wait()
}

// Garbage does not count, and what lives does.
func TestMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	debug.SetMemoryLimit(math.MaxInt64)
	if used, limit := memory(); float64(used) > float64(limit)/2 {
		t.Errorf("%d of %d without a limit", used, limit)
	}
	debug.SetMemoryLimit(1 << 40)
	runtime.GC()
	used, limit := memory()
	if limit != 1<<40 || used == 0 || used > 1<<33 {
		t.Errorf("%d of %d", used, limit)
	}
	const size = 64 << 20
	held := make([]byte, size)
	runtime.GC()
	more, _ := memory()
	if more < used+size/2 {
		t.Errorf("%d bytes are in use with %d more than the %d before", more, size, used)
	}
	runtime.KeepAlive(held)
	held = nil
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage stays from now on
	runtime.GC()
	for range 4 {
		sink = make([]byte, size)
	}
	sink = nil
	if again, _ := memory(); again > used+size {
		t.Errorf("%d bytes are in use with garbage, %d without", again, used)
	}
}

var sink []byte

func BenchmarkShed(b *testing.B) {
	s := NewShed(ShedOptions{})
	b.Run("Over", func(b *testing.B) {
		for b.Loop() {
			s.Over()
		}
	})
	b.Run("memory", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			memory()
		}
	})
}
