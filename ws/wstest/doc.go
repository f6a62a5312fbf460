// Package wstest helps to test WebSocket code without a network.
//
//   - [Pipe] is a connection in memory that behaves as TCP does, with deadlines, a bounded buffer and faults on demand;
//     [Listen] is a listener whose connections are pipes. Both work in a bubble of [testing/synctest], where time is free.
//   - [Conns] is a connected pair of [ws.Conn] without a handshake; [NewServer] serves an [http.Handler] in memory, for
//     tests of the handshake and of whole programs.
//   - [Peer] is the other side of a connection, frame by frame: it can send any bytes, right or wrong, and says exactly
//     what came back. It encodes and decodes by itself, so that a mistake in package ws cannot cancel out.
//   - [Decode] says what a receiver must make of everything that a peer sent, and with which close code it must fail.
//
// A test of a handler, from the request to the close code:
//
//	func TestEcho(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			srv := wstest.NewServer(t, echoHandler)
//			c, err := srv.Dial(t.Context(), nil)
//			if err != nil {
//				t.Fatal(err)
//			}
//			defer c.CloseNow()
//			…
//		})
//	}
//
// The package knows nothing of what the messages mean, and is for tests only: it prefers clarity to speed.
package wstest
