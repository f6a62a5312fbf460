// Gobwas is a peer on github.com/gobwas/ws, with its packages wsutil and wsflate.
//
// Without compression it is the echo server of the library's README, with the limit set. With compression it is the
// loop that the README shows for wsflate. From the library's program for Autobahn|Testsuite (example/autobahn) comes
// how a connection is failed: with a close frame, as wsutil leaves that to the application. The library checks the UTF-8
// of text by itself only where it is not compressed; elsewhere its UTF8Reader does. It has no context takeover, and for
// rooms nothing but frames that are compiled once.
package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	wsutil.SetMaxMessageSize(peer.MessageLimit)
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On}, Handler: handler, Room: room, Client: client})
}

func handler(m peer.Mode) http.Handler {
	accept := acceptor(m)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, deflated, err := accept(w, r)
		if err != nil {
			return // answered by the library
		}
		go func() {
			defer e.conn.Close()
			_ = e.run(deflated)
		}()
	})
}

// acceptor makes connections of requests, and says of each whether compression was agreed on. With an error the request
// is answered, and nothing left to close.
func acceptor(m peer.Mode) func(w http.ResponseWriter, r *http.Request) (*endpoint, bool, error) {
	return func(w http.ResponseWriter, r *http.Request) (*endpoint, bool, error) {
		extension := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		var upgrader ws.HTTPUpgrader
		if m != peer.Off {
			upgrader.Negotiate = extension.Negotiate
		}
		conn, rw, _, err := upgrader.Upgrade(r, w)
		if err != nil {
			if conn != nil {
				conn.Close()
			}
			return nil, false, err
		}
		_, deflated := extension.Accepted()
		return &endpoint{conn: conn, in: buffered(rw.Reader, conn), state: ws.StateServerSide}, deflated, nil
	}
}

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	dialer := ws.Dialer{Timeout: peer.HandshakeTimeout}
	if m != peer.Off {
		dialer.Extensions = []httphead.Option{wsflate.DefaultParameters.Option()}
	}
	conn, br, hs, err := dialer.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	e := &endpoint{conn: conn, in: conn, state: ws.StateClientSide}
	if take != nil {
		e.take = func(_ ws.OpCode, data []byte) error {
			take(data)
			return nil
		}
	}
	if br != nil {
		e.in = buffered(br, conn)
		ws.PutReader(br)
	}
	return e.run(len(hs.Extensions) > 0)
}

// buffered is conn with what br has already read of it.
func buffered(br *bufio.Reader, conn net.Conn) io.Reader {
	n := br.Buffered()
	if n == 0 {
		return conn
	}
	early, _ := br.Peek(n) // there are so many
	return io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)
}

// An endpoint is one end of a connection.
type endpoint struct {
	conn  net.Conn
	in    io.Reader // of conn
	state ws.State

	// take takes messages, instead of their echo, if it is not nil. The data becomes its own.
	take func(op ws.OpCode, data []byte) error
}

// run echoes until the connection ends, and fails it where that is due.
func (e *endpoint) run(deflated bool) error {
	loop := e.plain
	if deflated {
		loop = e.deflated
	}
	err := loop()
	e.fail(err)
	return err
}

// plain is the loop without compression.
func (e *endpoint) plain() error {
	rw := struct {
		io.Reader
		io.Writer
	}{e.in, e.conn}
	for {
		data, op, err := wsutil.ReadData(rw, e.state)
		if err != nil {
			return err
		}
		if e.take != nil {
			err = e.take(op, data)
		} else {
			err = wsutil.WriteMessage(e.conn, e.state, op, data)
		}
		if err != nil {
			return err
		}
	}
}
