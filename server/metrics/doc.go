// Package metrics is what a server counts, for Prometheus. It turns the hub's trace into counters, gauges and histograms in a
// registry of its own, and serves them.
//
//	m := metrics.New(metrics.Options{Version: "1.2.3", Node: "a"})
//	h, err := hub.New(hub.Options{Node: "a", Trace: m.Trace()})
//	if err != nil {
//		return err
//	}
//	m.Watch(metrics.Watched{Hub: h})
//	mux.Handle("/metrics", m.Handler())
//
// No label takes a value that a client could choose: there are none for topics, methods, users or addresses, and a value that the package
// does not know is counted as "other". What is counted for each message neither allocates nor takes a lock. docs/metrics.md lists
// everything there is; a test generates it.
//
// The package decides nothing and limits nothing: it is told.
package metrics
