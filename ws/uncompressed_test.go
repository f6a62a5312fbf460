package ws_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A message may be exempt from compression, whichever way it is sent, and then does not enter the window.
func TestUncompressed(t *testing.T) {
	text := strings.Repeat("compressible ", 200)
	for _, takeover := range []bool{false, true} {
		for _, client := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: client,
					Deflate: &ws.DeflateParams{ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover}})
				defer c.CloseNow()
				defer peer.Close()
				ctx := t.Context()
				for _, plain := range []bool{true, false, true} {
					typ := ws.Text
					if plain {
						typ |= ws.Uncompressed
					}
					m := ws.Prepare(typ, []byte(text))
					if m.Type() != ws.Text || typ.String() != "text" {
						t.Errorf("type %v", m.Type())
					}
					for name, send := range map[string]func() error{
						"Write":            func() error { return c.Write(ctx, typ, []byte(text)) },
						"TryWrite":         func() error { return c.TryWrite(typ, []byte(text)) },
						"WritePrepared":    func() error { return c.WritePrepared(ctx, m) },
						"TryWritePrepared": func() error { return c.TryWritePrepared(m) },
						"Writer": func() error {
							w, err := c.Writer(ctx, typ)
							if err != nil {
								return err
							}
							if _, err := w.Write([]byte(text)); err != nil {
								return err
							}
							return w.Close()
						},
					} {
						if err := send(); err != nil {
							t.Fatal(err)
						}
						f := peer.MustNext(t)
						if f.RSV1 == plain || f.Opcode != wstest.OpText || plain && string(f.Payload) != text {
							t.Errorf("%s, takeover %v, client %v, uncompressed %v: got %v", name, takeover, client, plain, f)
						}
					}
				}
				if err := c.Write(ctx, ws.Uncompressed, nil); err == nil {
					t.Error("a message of no type was sent")
				}
				if err := c.Write(ctx, ws.Text|ws.Uncompressed, []byte("\xff")); err == nil {
					t.Error("text that is not UTF-8 was sent")
				}
			})
		}
	}
}
