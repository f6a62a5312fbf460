// Gws is a peer on github.com/lxzan/gws.
//
// It follows the library's programs for Autobahn|Testsuite (examples/autobahn): messages are answered by the goroutine
// that reads them, and the check of UTF-8 is switched on. The room uses a Broadcaster, as its documentation shows.
package main

import (
	"context"
	"net/http"

	"github.com/lxzan/gws"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On, peer.Takeover}, Handler: handler, Room: room, Client: client})
}

// deflate compresses everything; with takeover the library knows no threshold. The windows are whole: with takeover a
// server's would be smaller by default, and demanded of clients that offered nothing of the kind.
func deflate(m peer.Mode) gws.PermessageDeflate {
	return gws.PermessageDeflate{
		Enabled: m != peer.Off, Threshold: 1,
		ServerContextTakeover: m == peer.Takeover, ClientContextTakeover: m == peer.Takeover,
		ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
	}
}

func upgrader(m peer.Mode, e gws.Event) *gws.Upgrader {
	return gws.NewUpgrader(e, &gws.ServerOption{
		PermessageDeflate: deflate(m), CheckUtf8Enabled: true, Recovery: gws.Recovery,
		ReadMaxPayloadSize: peer.MessageLimit, WriteMaxPayloadSize: peer.MessageLimit,
	})
}

func handler(m peer.Mode) http.Handler {
	upgrader := upgrader(m, events{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r)
		if err != nil {
			return // answered by the library
		}
		go c.ReadLoop()
	})
}

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	c, _, err := gws.NewClient(events{take: take}, &gws.ClientOption{
		Addr: url, PermessageDeflate: deflate(m), CheckUtf8Enabled: true, Recovery: gws.Recovery,
		ReadMaxPayloadSize: peer.MessageLimit, WriteMaxPayloadSize: peer.MessageLimit,
		HandshakeTimeout: peer.HandshakeTimeout,
	})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	c.ReadLoop()
	return nil
}

// events answers what the library calls for.
type events struct {
	gws.BuiltinEventHandler
	take func([]byte)
}

// OnPing implements gws.Event.
func (events) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

// OnMessage implements gws.Event.
func (e events) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	if e.take != nil {
		e.take(m.Bytes())
		return
	}
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}
