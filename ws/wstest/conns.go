package wstest

import "github.com/parley-ws/parley/ws"

// Conns returns a connected client and server over a [Pipe], as if a handshake had agreed on the options. It sets
// Client itself. Close both when done.
func Conns(client, server ws.ConnOptions) (c, s *ws.Conn) {
	client.Client, server.Client = true, false
	near, far := Pipe(nil)
	return ws.NewConn(near, client), ws.NewConn(far, server)
}

// ConnAndPeer returns a connection, a client or a server as o.Client says, and the [Peer] at its other end, over a
// [Pipe]. Close both when done.
func ConnAndPeer(o ws.ConnOptions) (*ws.Conn, *Peer) {
	near, far := Pipe(nil)
	c := ws.NewConn(near, o)
	if o.Client {
		return c, ServerPeer(far)
	}
	return c, ClientPeer(far)
}
