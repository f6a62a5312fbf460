// Page serves a page and a WebSocket at the same URL: a request that asks for an upgrade gets the WebSocket, any other
// the page. The page sends the message "ping" every 5 seconds and shows how long "pong" takes.
//
//	go run ./examples/page
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8005", "address to listen on")
	flag.Parse()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Open http://%s/ (Ctrl-C ends)\n", ln.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(ln))
}

// handler upgrades a request that asks for it and answers any other with the page.
func handler() http.Handler {
	socket := ws.Handler{Handle: pong}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			socket.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if _, err := w.Write(page); err != nil {
			log.Print(err)
		}
	})
}

// pong answers "ping" with "pong".
func pong(c *ws.Conn) error {
	ctx := c.Context()
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if string(m.Data) != "ping" {
			return &ws.CloseError{Code: ws.CodePolicyViolation, Reason: "only ping is understood here"}
		}
		if err := c.Write(ctx, ws.Text, []byte("pong")); err != nil {
			return err
		}
	}
	return nil
}
