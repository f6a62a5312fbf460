package ws_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/parley-ws/parley/ws"
	_ "github.com/parley-ws/parley/ws/extendedconnect" // without it, net/http takes no WebSockets over HTTP/2
)

// WebSockets over HTTP/2: the server needs one more import, the client one more option. The route has no method, for such a
// request is not a GET.
func ExampleDial_http2() {
	mux := http.NewServeMux()
	mux.Handle("/hello", ws.Handler{Handle: func(c *ws.Conn) error {
		return c.Write(c.Context(), ws.Text, []byte("hello by "+c.Request().Proto))
	}})
	srv := httptest.NewUnstartedServer(mux) // in a program: an http.Server, whose TLS offers HTTP/2 by itself
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, srv.URL+"/hello", &ws.DialOptions{
		HTTPVersion: 2,
		TLS:         srv.Client().Transport.(*http.Transport).TLSClientConfig,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output: hello by HTTP/2.0
}
