package main

import (
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

// A guest is a connection in the room.
type guest struct {
	*endpoint
	deflated bool
}

// room writes to all connections one by one, in the goroutine that has read: a frame that was compiled once, and where
// it is wanted another that is compressed.
func room(m peer.Mode) http.Handler {
	accept := acceptor(m)
	var all peer.Room[*guest]
	say := func(op ws.OpCode, data []byte) error {
		var frames [2][]byte // plain, compressed
		f := ws.NewFrame(op, true, data)
		var err error
		if frames[0], err = ws.CompileFrame(f); err != nil {
			return err
		}
		if m != peer.Off {
			if f, err = wsflate.CompressFrame(f); err != nil {
				return err
			}
			if frames[1], err = ws.CompileFrame(f); err != nil {
				return err
			}
		}
		all.Each(func(g *guest) {
			frame := frames[0]
			if g.deflated {
				frame = frames[1]
			}
			if _, err := g.conn.Write(frame); err != nil {
				g.conn.Close() // its goroutine sees the end
			}
		})
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := all.Join(func() (*guest, error) {
			e, deflated, err := accept(w, r)
			return &guest{e, deflated}, err
		})
		if err != nil {
			return // answered by the library
		}
		g.take = say
		go func() {
			defer g.conn.Close()
			defer all.Leave(g)
			_ = g.run(g.deflated)
		}()
	})
}
