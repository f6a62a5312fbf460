package main

import (
	"context"
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsEcho echoes on the goroutine that reads.
type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	c.WriteMessage(m.Opcode, m.Bytes())
}

func gwsDeflate(m mode) gws.PermessageDeflate {
	return gws.PermessageDeflate{Enabled: m != off, ServerContextTakeover: m == takeover, ClientContextTakeover: m == takeover, Threshold: 1}
}

func serveGWS(l net.Listener, m mode) error {
	u := gws.NewUpgrader(gwsEcho{}, &gws.ServerOption{PermessageDeflate: gwsDeflate(m), CheckUtf8Enabled: true, Recovery: gws.Recovery,
		ReadMaxPayloadSize: limit, WriteMaxPayloadSize: limit})
	return serveHTTP(l, func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	})
}

func driveGWS(ctx context.Context, url string, m mode) error {
	c, _, err := gws.NewClient(gwsEcho{}, &gws.ClientOption{Addr: url, PermessageDeflate: gwsDeflate(m), CheckUtf8Enabled: true, Recovery: gws.Recovery,
		ReadMaxPayloadSize: limit, WriteMaxPayloadSize: limit, NewDialer: func() (gws.Dialer, error) { return new(net.Dialer), nil }})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	c.ReadLoop()
	return nil
}
