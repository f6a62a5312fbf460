// Parley is a peer on Parley's own package ws.
//
// As a server it echoes with each of the ways to read (-read), behind an http.Server or on a listener of the library's own
// (-listener).
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
	"github.com/parley-ws/parley/ws"
)

var listener, read *string

func main() {
	peer.Main(peer.Library{
		Modes: []peer.Mode{peer.Off, peer.On, peer.Takeover},
		Flags: func(f *flag.FlagSet) {
			listener = f.String("listener", "http", "the server: http, which is an http.Server; or own, which is a ws.Server that echoes "+
				"at every path; or own-room, which is one with the room at every path")
			read = f.String("read", "run", "the `method` that echoes read with: run, messages or read")
		},
		Serve:   serve,
		Handler: func(m peer.Mode) http.Handler { return handler(m) },
		Room:    func(m peer.Mode) http.Handler { return &room{options: acceptOptions(m)} },
		Client:  client,
	})
}

// ctx is the context of all reading and writing, which ends with its connection. Conn.Context would do too, but is
// memory for each connection that asks for it.
var ctx = context.Background()

var options = ws.Options{MessageLimit: peer.MessageLimit}

func compression(m peer.Mode) *ws.Compression {
	if m == peer.Off {
		return nil
	}
	return &ws.Compression{Threshold: -1, ServerTakeover: m == peer.Takeover, ClientTakeover: m == peer.Takeover}
}

func acceptOptions(m peer.Mode) ws.AcceptOptions {
	return ws.AcceptOptions{Options: options, AnyOrigin: true, Compression: compression(m)}
}

// serve serves on a listener of the library's own.
func serve(ctx context.Context, l net.Listener, m peer.Mode) (bool, error) {
	s := &ws.Server{HandshakeTimeout: peer.HandshakeTimeout}
	switch *listener {
	case "http":
		return false, nil
	case "own":
		s.Handler = handler(m)
	case "own-room":
		// The server hands connections over after their handshakes: somebody may speak before the last has joined.
		all := &room{}
		s.Handler = ws.Handler{Options: acceptOptions(m), Handle: func(c *ws.Conn) error {
			all.Add(c)
			all.serve(c)
			return nil
		}}
	default:
		log.Fatalf("-listener %s: there are only http, own and own-room", *listener)
	}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	return true, s.Serve(l)
}

func handler(m peer.Mode) ws.Handler {
	h := ws.Handler{Options: acceptOptions(m)}
	switch *read {
	case "run":
		h.Handle = func(c *ws.Conn) error { return c.Run(ctx, ws.Events{Message: echo}) }
	case "messages":
		h.Handle = func(c *ws.Conn) error {
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				if err := c.Write(ctx, m.Type, m.Data); err != nil {
					return err
				}
			}
			return nil
		}
	case "read":
		h.Handle = func(c *ws.Conn) error {
			for {
				t, data, err := c.Read(ctx)
				if err != nil {
					return err
				}
				if err := c.Write(ctx, t, data); err != nil {
					return err
				}
			}
		}
	default:
		log.Fatalf("-read %s: there are only run, messages and read", *read)
	}
	return h
}

func echo(c *ws.Conn, t ws.Type, data []byte) error { return c.Write(ctx, t, data) }

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	c, err := ws.Dial(ctx, url, &ws.DialOptions{
		Options: options, Compression: compression(m), HandshakeTimeout: peer.HandshakeTimeout,
	})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	message := echo
	if take != nil {
		message = func(_ *ws.Conn, _ ws.Type, data []byte) error {
			take(data)
			return nil
		}
	}
	return c.Run(ctx, ws.Events{Message: message})
}
