// Package native speaks parley.v1, the protocol of Parley's own clients: JSON frames over a WebSocket, or over HTTP where a network lets no WebSocket
// through. docs/protocol.md in this repository describes it so that a stranger can write a client.
//
//	h, err := hub.New(hub.Options{})
//	if err != nil {
//		return err
//	}
//	http.Handle("/ws", native.New(h, native.Options{}))
//	http.Handle("/ws/", native.New(h, native.Options{}))
//
// It knows the wire format and nothing else: who may do what, what is kept and what waits for whom is the hub's.
package native

// Protocol is the name of the WebSocket subprotocol.
const Protocol = "parley.v1"
