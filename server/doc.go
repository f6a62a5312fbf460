// Package server is Parley's server: it turns options into a listener, routes
// and limits, and ends in good order.
//
//	s, err := server.New(server.Options{})
//	if err != nil {
//		return err
//	}
//	return s.Run(ctx) // until ctx ends: then 1001 to everyone, drain, nil
//
// What it serves:
//
//   - / is a page with a console (package console);
//   - /echo sends every WebSocket message back, up to 16 MiB, compressed if the client offers it;
//   - /clock sends the time each second;
//   - /healthz answers "ok".
//
// There is no authentication yet, so it stays on this machine: it listens on a
// loopback address and answers to local names only, unless it is told
// otherwise in as many words.
//
// The package decides nothing about a command line: flags, messages and exit
// codes belong to cmd/parley.
package server
