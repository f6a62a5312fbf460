package memory

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/brokertest"
)

func create(t testing.TB) broker.Broker {
	b := New(Options{})
	t.Cleanup(func() { b.Close() })
	return b
}

// The suite, in bubbles with a clock of their own.
func TestConformance(t *testing.T) {
	brokertest.Suite{
		New:     create,
		Around:  synctest.Test,
		Settle:  synctest.Wait,
		Advance: func(d time.Duration) { time.Sleep(d); synctest.Wait() },
		Forget: func(testing.TB, broker.Broker, string) {
			time.Sleep(defaultLinger + grain)
			synctest.Wait()
		},
	}.Run(t)
}

// What can be run of it in real time.
func TestConformanceInRealTime(t *testing.T) {
	brokertest.Test(t, func(t *testing.T) broker.Broker { return create(t) })
}
