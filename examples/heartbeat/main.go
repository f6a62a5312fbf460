// Heartbeat detects a peer that has vanished without a close frame: a cable pulled, a laptop shut, a process stopped. The
// connection pings by itself and gives up when nothing comes back; here both happen faster than by default.
//
//	go run ./examples/heartbeat
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

func main() {
	addr := flag.String("addr", "127.0.0.1:8011", "address to listen on")
	every := flag.Duration("every", 2*time.Second, "time between two pings; a peer that is silent for as long after one has vanished")
	flag.Parse()
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Open http://%s/ (Ctrl-C ends)\n", ln.Addr())
	vanished := func(c *ws.Conn) { log.Printf("%v has vanished", c.RemoteAddr()) }
	server := &http.Server{Handler: handler(*every, vanished), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.Serve(ln))
}

// handler serves the page and, at the same URL, the WebSocket. It calls vanished for a peer that is no longer there.
func handler(every time.Duration, vanished func(*ws.Conn)) http.Handler {
	socket := ws.Handler{
		// With these two alone a peer that vanishes is found. By default they are 25 and 20 seconds.
		Options: ws.AcceptOptions{Options: ws.Options{PingInterval: every, PingTimeout: every}},
		Handle: func(c *ws.Conn) error {
			err := report(c, every)
			if errors.Is(context.Cause(c.Context()), ws.ErrPingTimeout) {
				vanished(c)
			}
			return err
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			socket.ServeHTTP(w, r)
			return
		}
		if err := page.Execute(w, every.Milliseconds()); err != nil {
			log.Print(err)
		}
	})
}

// report tells the page how long a ping takes, for a script never sees one.
func report(c *ws.Conn, every time.Duration) error {
	ctx := c.CloseRead(c.Context()) // somebody must read for the pongs to be seen
	for {
		rtt, err := c.Ping(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, ws.Text, []byte("round trip "+rtt.Round(time.Microsecond).String())); err != nil {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil
		}
	}
}
