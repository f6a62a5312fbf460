// Package peer is what the programs in bench/peers have in common: each is a server on one WebSocket library that echoes,
// and at the path /room sends each message to everybody there; and where that library has a client, a driver that takes
// its client through a conformance suite.
//
//	func main() {
//		peer.Main(peer.Library{
//			Modes:   []peer.Mode{peer.Off, peer.On},
//			Handler: func(m peer.Mode) http.Handler { … },
//			Room:    func(m peer.Mode) http.Handler { … },
//		})
//	}
//
// Every library is used as its documentation, or the program that its authors run against Autobahn|Testsuite, shows it,
// and of the ways shown there in the one that keeps most of the RFC: checks of UTF-8 are switched on, or done where the
// documentation leaves them to the application. Messages of up to [MessageLimit] pass, every message is compressed that
// may be, and nothing is logged for a message. What a library does not do is not added.
//
// The package must not know any of the libraries, so that a program holds one of them and no other.
package peer

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// MessageLimit is the size of the largest message that passes, in bytes, for libraries that have a limit.
const MessageLimit = 32 << 20

// HandshakeTimeout is how long the other side may take for its half of the handshake, wherever that can be set.
const HandshakeTimeout = 5 * time.Second

// A Mode is how much of permessage-deflate is used.
type Mode string

// The modes.
const (
	Off      Mode = "off"      // no compression
	On       Mode = "on"       // each message is compressed for itself
	Takeover Mode = "takeover" // in both directions the window is kept from message to message
)

// A Library is a WebSocket library as its program uses it.
type Library struct {
	// Modes are the modes that the library has.
	Modes []Mode

	// Handler answers requests with connections that echo.
	Handler func(m Mode) http.Handler

	// Room answers requests for the path /room with connections to each of which every message goes that one of them
	// sends, to the sender too. Nil means that there is no such path.
	Room func(m Mode) http.Handler

	// Flags, if not nil, defines flags of the program's own.
	Flags func(*flag.FlagSet)

	// Serve, if not nil, serves the listener in place of an http.Server until ctx is over, when l is closed. It is called
	// after the flags were parsed, and returns false if it leaves the listener to the http.Server after all.
	Serve func(ctx context.Context, l net.Listener, m Mode) (bool, error)

	// Client connects to the URL and returns when the connection has ended, or ctx. It echoes each message, or hands it
	// to take if that is not nil; the data is take's for the time of the call. Nil means that the library is only used
	// as a server.
	Client func(ctx context.Context, url string, m Mode, take func(data []byte)) error
}

// Main is the main function of a program on the library.
//
// As a server it prints one line, "listening ws://HOST:PORT/", or wss with -tls, and ends with its standard input or at
// SIGTERM. With -drive it goes through the cases of the suite at that URL instead, and ends after the last.
func Main(lib Library) {
	log.SetFlags(0)
	log.SetPrefix("peer: ")
	flags := flag.NewFlagSet("peer", flag.ExitOnError)
	var listener Listener
	listener.Flags(flags)
	compress := flags.String("compress", string(Off), "permessage-deflate: "+list(lib.Modes))
	drive := flags.String("drive", "", "be a client of the suite at this `URL`, as in ws://127.0.0.1:9001")
	agent := flags.String("agent", "", "the client's `name` there")
	parallel := flags.Int("parallel", 1, "how many cases run at a time")
	if lib.Flags != nil {
		lib.Flags(flags)
	}
	flags.Parse(os.Args[1:]) // exits on errors
	m := Mode(*compress)
	switch {
	case flags.NArg() > 0:
		log.Fatalf("%q is not a flag", flags.Arg(0))
	case !slices.Contains(lib.Modes, m):
		log.Fatalf("-compress %s: this library has only %s", m, list(lib.Modes))
	case *drive != "" && lib.Client == nil:
		log.Fatal("-drive: this library is only used as a server")
	case *drive != "":
		d := driver{lib: lib, mode: m, base: strings.TrimSuffix(*drive, "/"), agent: *agent, parallel: max(1, *parallel)}
		if err := d.run(context.Background()); err != nil {
			log.Fatal(err)
		}
	default:
		err := listener.Serve([2]string{"ws", "wss"}, func(ctx context.Context, l net.Listener) error { return lib.serve(ctx, l, m) })
		if err != nil {
			log.Fatal(err)
		}
	}
}

func list(modes []Mode) string {
	names := make([]string, len(modes))
	for i, m := range modes {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

func (lib Library) serve(ctx context.Context, l net.Listener, m Mode) error {
	if lib.Serve != nil {
		if done, err := lib.Serve(ctx, l, m); done {
			return err
		}
	}
	h := lib.Handler(m)
	if lib.Room != nil {
		// Not a ServeMux: it would answer some of a suite's requests by itself.
		echo, room := h, lib.Room(m)
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/room" {
				room.ServeHTTP(w, r)
			} else {
				echo.ServeHTTP(w, r)
			}
		})
	}
	// The deadline is on the handshake alone: a connection that was hijacked has none.
	s := &http.Server{Handler: h, ReadHeaderTimeout: HandshakeTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	return s.Serve(l)
}
