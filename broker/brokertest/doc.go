// Package brokertest is the suite that every broker has to pass: order, retention, duplicates, positions, filters, presence, commands, and what happens
// when contexts end and nodes are closed. A broker's own tests call it:
//
//	func TestConformance(t *testing.T) {
//		brokertest.Test(t, func(t *testing.T) broker.Broker {
//			b := memory.New(memory.Options{})
//			t.Cleanup(func() { b.Close() })
//			return b
//		})
//	}
//
// It knows brokers by their interface alone. Its own tests show that it catches brokers with faults.
package brokertest
