// Subprotocol speaks two versions of a protocol. The client offers what it speaks, the server chooses the newest.
//
//	go run ./examples/subprotocol
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
	"github.com/parley-ws/parley/ws/wsjson"
)

//go:embed page.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8009", "address to listen on")
	flag.Parse()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Open http://%s/ (Ctrl-C ends)\n", ln.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(ln))
}

// handler serves the page and, at the same URL, the WebSocket.
func handler() http.Handler {
	socket := ws.Handler{
		Options: ws.AcceptOptions{Subprotocols: []string{"greet.v2", "greet.v1"}}, // most preferred first
		Handle:  greet,
	}
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

// greet speaks what was chosen.
func greet(c *ws.Conn) error {
	switch c.Subprotocol() {
	case "greet.v2":
		return greetJSON(c)
	case "greet.v1":
		return greetText(c)
	}
	return &ws.CloseError{Code: ws.CodePolicyViolation, Reason: "offer greet.v1 or greet.v2"}
}

// greetText is greet.v1: a name in, a greeting out.
func greetText(c *ws.Conn) error {
	for m, err := range c.Messages(c.Context()) {
		if err != nil {
			return err
		}
		if err := c.Write(c.Context(), ws.Text, []byte("Hello, "+string(m.Data)+"!")); err != nil {
			return err
		}
	}
	return nil
}

// greetJSON is greet.v2: the same in JSON.
func greetJSON(c *ws.Conn) error {
	type request struct {
		Name string `json:"name"`
	}
	type reply struct {
		Greeting string `json:"greeting"`
	}
	for r, err := range wsjson.Messages[request](c.Context(), c) {
		if err != nil {
			return err
		}
		if err := wsjson.Write(c.Context(), c, reply{Greeting: "Hello, " + r.Name + "!"}); err != nil {
			return err
		}
	}
	return nil
}
