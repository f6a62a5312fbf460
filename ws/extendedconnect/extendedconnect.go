// Package extendedconnect has the HTTP/2 servers of net/http, and those of golang.org/x/net/http2, take WebSockets
// (RFC 8441), in the program that imports it:
//
//	import _ "github.com/parley-ws/parley/ws/extendedconnect"
//
// Such a server takes the extended CONNECT, and announces so, if the environment variable GODEBUG holds http2xconnect=1 when the
// program starts; a //go:debug line cannot say that. Importing this package has the same effect, unless the variable holds
// the setting already, such as http2xconnect=0. The variable is left as it was, so that commands that the program starts
// do not inherit it.
//
// From then on browsers use WebSockets over HTTP/2 with every HTTP/2 server of the program, as soon as they have a connection
// to it: all its WebSocket handlers must know them, which those of package ws do. See ws.Accept.
package extendedconnect

import (
	_ "net/http" // initialised before this package, and after early

	_ "golang.org/x/net/http2"

	"github.com/parley-ws/parley/ws/extendedconnect/internal/early"
)

func init() { early.Restore() }
