// Origin accepts a page of one other origin, rejects all others, echoes text and binary messages each in its own way and
// logs with which code and reason a connection ended.
//
//	go run ./examples/origin
//
// It serves the same page twice: once from the origin that may connect and once from one that may not.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

func main() {
	addr := flag.String("addr", "127.0.0.1:8006", "address of the WebSocket server")
	good := flag.String("good", "127.0.0.1:8007", "address of the page that may connect")
	bad := flag.String("bad", "127.0.0.1:8008", "address of the page that may not")
	flag.Parse()
	if err := run(*addr, *good, *bad); err != nil {
		log.Fatal(err)
	}
}

func run(addr, good, bad string) error {
	var listeners []net.Listener
	for _, a := range []string{addr, good, bad} {
		ln, err := net.Listen("tcp", a)
		if err != nil {
			return err
		}
		listeners = append(listeners, ln)
	}
	allowed := "http://" + listeners[1].Addr().String()
	fmt.Printf("Open %s/, which may connect, and http://%s/, which may not (Ctrl-C ends)\n", allowed, listeners[2].Addr())
	failed := make(chan error, 3)
	go func() { failed <- http.Serve(listeners[0], handler(slog.Default(), allowed)) }()
	for _, ln := range listeners[1:] {
		go func() { failed <- http.Serve(ln, servePage("ws://"+listeners[0].Addr().String()+"/")) }()
	}
	return <-failed
}

// handler accepts pages of the allowed origins, and programs, which send no Origin.
func handler(logger *slog.Logger, allowed ...string) http.Handler {
	return ws.Handler{
		Options: ws.AcceptOptions{Origins: allowed},
		Handle: func(c *ws.Conn) error {
			err := echo(c)
			// The cause of the context says how it ended, also when the loop ended silently.
			var end *ws.CloseError
			if errors.As(context.Cause(c.Context()), &end) {
				logger.Info("closed", "origin", c.Request().Header.Get("Origin"), "code", int(end.Code), "reason", end.Reason, "by peer", end.Remote)
			}
			return err
		},
	}
}

// echo answers text in capital letters and binary messages with their bytes in reverse order.
func echo(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, data []byte) error {
		switch t {
		case ws.Text:
			return c.Write(c.Context(), ws.Text, []byte(strings.ToUpper(string(data))))
		default:
			reversed := make([]byte, len(data))
			for i, b := range data {
				reversed[len(data)-1-i] = b
			}
			return c.Write(c.Context(), ws.Binary, reversed)
		}
	}})
}

// servePage serves the page, which connects to url.
func servePage(url string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := page.Execute(w, url); err != nil {
			log.Print(err)
		}
	})
}
