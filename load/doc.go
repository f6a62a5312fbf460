// Package load drives a WebSocket server with a known load and says what came of it: how long connecting, answers and
// deliveries took, what was lost, what failed, and whether it was the server or the generator that was the limit.
//
//	report, err := load.Run(ctx, load.Plan{
//		URL:         "ws://127.0.0.1:8080/echo",
//		Connections: 100,
//		Rate:        5000,
//		Duration:    10 * time.Second,
//	})
//	if err != nil {
//		return err
//	}
//	report.WriteText(os.Stdout, 100)
//
// Unless Plan.Closed is set the load is open: messages are sent when the plan says, whether or not earlier ones were
// answered, and a latency counts from the moment at which its message was due. So a server that stalls pays for all
// messages that it would have kept waiting, not only for the one that it held (this error is called coordinated
// omission). What counting from the real moment of sending gives is reported beside it.
//
// The package knows neither the command line nor Parley's server; of its subprotocol parley.v1 it knows how to publish
// and to subscribe.
package load
