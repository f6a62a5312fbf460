package brokertest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a test that may fail without failing the real one.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed bool
	log    []string
}

func (r *recorder) fail(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.log = append(r.log, text)
}

func (r *recorder) Helper()                           {}
func (r *recorder) Error(args ...any)                 { r.fail(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }

// suite is that of the memory broker, with a fault.
func suite(f fault) Suite {
	return Suite{
		New: func(t testing.TB) broker.Broker {
			b := memory.New(memory.Options{})
			t.Cleanup(func() { b.Close() })
			return &faulty{Broker: b, fault: f}
		},
		Around:  synctest.Test,
		Settle:  synctest.Wait,
		Advance: func(d time.Duration) { time.Sleep(d); synctest.Wait() },
		Forget:  func(testing.TB, broker.Broker, string) { time.Sleep(2 * time.Minute); synctest.Wait() },
	}
}

// observe runs a case and returns what it found, in a few words.
func (s Suite) observe(t *testing.T, c testCase) (problems []string) {
	s.around(t, func(t *testing.T) {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.run(r, c)
		}()
		<-done
		r.mu.Lock()
		defer r.mu.Unlock()
		problems = r.log
	})
	return problems
}

// The wrapper itself is no fault.
func TestFaultless(t *testing.T) { suite(fault{}).Run(t) }

// Every fault is caught by some case.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var caught []string
			for _, c := range cases {
				if problems := suite(f).observe(t, c); len(problems) > 0 {
					caught = append(caught, c.name)
					t.Logf("%s: %.300s", c.name, problems[0])
				}
			}
			if len(caught) == 0 {
				t.Error("no case has caught it")
			}
			t.Logf("caught by %s", strings.Join(caught, ", "))
		})
	}
}
