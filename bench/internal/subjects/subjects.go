// Package subjects builds, starts and stops the servers below bench/peers, and knows their versions.
//
//	s, _ := subjects.Find("gorilla")
//	if err := s.Build(ctx, dir); err != nil {
//		return err
//	}
//	p, err := s.Start(ctx, subjects.Options{Args: []string{"-compress", "on"}, Cores: []int{0}})
//	if err != nil {
//		return err
//	}
//	defer p.Stop()
//	… p.URL, p.Pid, s.Version …
//
// It must not know what is done with them.
package subjects

import "slices"

// A Subject is one of the programs in bench/peers.
type Subject struct {
	// Name is that of its folder, short and without spaces.
	Name string
	// Title names the library.
	Title string
	// Module is the Go module or the npm package whose version counts. It is empty for raw.
	Module string
	// Modes are the values that its flag -compress takes: off, on, takeover.
	Modes []string
	// TLS says that it has the flag -tls.
	TLS bool
	// Room says that it has the path /room, where everybody gets every message.
	Room bool
	// Driver says that it has the flags -drive, -agent and -parallel, with which it is a client of a suite.
	Driver bool
	// NPM says that it is in JavaScript, and needs what bench/peers/install.sh installs.
	NPM bool

	// Version is set by Build: of Module without a "v" in front, "this" for the working copy, and Go's for raw.
	Version string
	// Command is set by Build: the program, with the arguments that it always has.
	Command []string
}

// The modes of compression that libraries have.
var (
	plain    = []string{"off"}
	fresh    = []string{"off", "on"}
	takeover = []string{"off", "on", "takeover"}
)

var all = []Subject{
	{Name: "raw", Title: "a raw TCP echo in Go", Modes: plain, TLS: true},
	{Name: "parley", Title: "Parley", Module: "github.com/parley-ws/parley", Modes: takeover, TLS: true, Room: true, Driver: true},
	{Name: "gws", Title: "lxzan/gws", Module: "github.com/lxzan/gws", Modes: takeover, TLS: true, Room: true, Driver: true},
	{Name: "gobwas", Title: "gobwas/ws", Module: "github.com/gobwas/ws", Modes: fresh, TLS: true, Room: true, Driver: true},
	{Name: "gorilla", Title: "gorilla/websocket", Module: "github.com/gorilla/websocket", Modes: fresh, TLS: true, Room: true, Driver: true},
	{Name: "coder", Title: "coder/websocket", Module: "github.com/coder/websocket", Modes: takeover, TLS: true, Room: true, Driver: true},
	{Name: "xnet", Title: "golang.org/x/net/websocket", Module: "golang.org/x/net", Modes: plain, TLS: true},
	{Name: "nodews", Title: "ws on Node.js", Module: "ws", Modes: takeover, Room: true, NPM: true},
	{Name: "bun", Title: "Bun (µWebSockets)", Module: "bun", Modes: takeover, Room: true, NPM: true},
}

// All returns all of them, in an order to show them in. They are not built.
func All() []*Subject {
	list := make([]*Subject, len(all))
	for i, s := range all {
		list[i] = &s
	}
	return list
}

// Find returns the one of that name, which is not built.
func Find(name string) (*Subject, bool) {
	i := slices.IndexFunc(all, func(s Subject) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	s := all[i]
	return &s, true
}
