// Origin accepts a page of one other origin, rejects all others, echoes text and binary messages each in its own way and
// logs with which code and reason a connection ended.
//
//	go run ./examples/origin
//
// It serves the same page twice: once from the origin that may connect and once from one that may not.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

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
	site := servePage("ws://" + listeners[0].Addr().String() + "/")
	failed := make(chan error, len(listeners))
	for i, h := range []http.Handler{handler(slog.Default(), allowed), site, site} {
		server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		go func() { failed <- server.Serve(listeners[i]) }()
	}
	return <-failed
}

// handler accepts pages of the allowed origins, and programs, which send no Origin.
func handler(logger *slog.Logger, allowed ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logger := logger.With("origin", r.Header.Get("Origin"))
		c, err := ws.Accept(w, r, &ws.AcceptOptions{Origins: allowed})
		if err != nil { // Accept has answered the request
			logger.Warn("rejected", "error", err)
			return
		}
		defer c.CloseNow()
		logger.Info("accepted")
		var end *ws.CloseError
		if errors.As(echo(c), &end) {
			logger.Info("closed", "code", int(end.Code), "reason", end.Reason, "by peer", end.Remote)
		}
	})
}

// echo answers text in capital letters and binary messages with their bytes in reverse order. The error that it returns
// says how the connection ended.
func echo(c *ws.Conn) error {
	ctx := c.Context()
	for {
		t, data, err := c.Read(ctx)
		if err != nil {
			return err
		}
		switch t {
		case ws.Text:
			data = bytes.ToUpper(data)
		case ws.Binary:
			slices.Reverse(data)
		}
		if err := c.Write(ctx, t, data); err != nil {
			return err
		}
	}
}

// servePage serves the page, which connects to url.
func servePage(url string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := page.Execute(w, url); err != nil {
			log.Print(err)
		}
	})
}
