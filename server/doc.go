// Package server is Parley's server: it turns a configuration into listeners, routes and limits around a hub, and ends in good order.
//
//	s, err := server.New(server.Options{Config: cfg}) // config.Load made it
//	if err != nil {
//		return err
//	}
//	return s.Run(ctx) // until ctx ends: then every session is told to come back
//
// What it serves:
//
//   - / is a page on which browser tabs talk, and /console a console (package console);
//   - /t/TOPIC is a topic (package dialect/raw), and /ws has many topics on one connection (package dialect/native);
//   - /api/v1/ is the HTTP API for applications (package server/api), /asyncapi.yaml describes what is spoken;
//   - /echo sends every WebSocket message back, up to 16 MiB, and /clock the time each second;
//   - the paths of commands are theirs (package bridge), and what commands on topics print is published;
//   - /metrics, /healthz and /readyz are for operators, /debug/pprof/ on private addresses alone.
//
// Without authentication it stays on this machine: it listens on loopback addresses and answers to local names only, unless it is told
// otherwise in as many words.
//
// The package decides nothing about a command line: flags, messages and exit codes belong to cmd/parley. It is the only place
// that knows every dialect.
package server
