// Package bridge makes WebSocket endpoints of programs and of TCP services: what a command prints becomes messages, and
// messages become what it reads.
//
//	h, err := bridge.New(bridge.Options{Command: []string{"cat"}})
//	if err != nil {
//		return err
//	}
//	defer h.Shutdown(context.Background())
//	return http.ListenAndServe("127.0.0.1:8080", h)
//
// Each connection has a process of its own (PerConnection, by the conventions of websocketd), all share one (Shared), or
// each is given one that was started before (Pool). With Options.Dial there is a network connection in the place of a
// process. Run does the same for a connection that this side opened, and Forward for those of a TCP listener.
//
// Nothing of a client gets into a command line: what it sent is in the environment, as CGI has it, and on standard input.
// Processes, connections and messages are bounded, and pages of other hosts are refused, unless the options say otherwise.
// A process begins a process group, and all of it is ended: standard input is closed, then come SIGINT, SIGTERM and SIGKILL.
// What leaves the group by itself, as daemons do, is out of reach. On Windows there are no groups: there the process itself is
// killed, and what it started stays.
//
// The package knows no command line and no topics.
package bridge
