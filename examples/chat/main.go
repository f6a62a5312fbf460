// Chat is a room: whoever opens the page sees who is there and what they say. A slow reader holds nobody back: it is let go.
//
//	go run ./examples/chat
//	parley connect 'ws://127.0.0.1:8012/room?name=Ada'   # from a terminal
//
// Ctrl-C ends it in order: everybody is told with close code 1001.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8012", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// run serves the room until ctx ends.
func run(ctx context.Context, addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Open http://%s/ in two windows (Ctrl-C ends)\n", ln.Addr())
	var group ws.Group
	server := &http.Server{Handler: handler(&group), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, group.Shutdown(ctx), server.Shutdown(ctx))
}

// handler serves the page at / and the room at /room.
func handler(group *ws.Group) http.Handler {
	r := &room{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if _, err := w.Write(page); err != nil {
			log.Print(err)
		}
	})
	mux.Handle("/room", ws.Handler{
		Options: ws.AcceptOptions{
			Group:   group,
			Options: ws.Options{MessageLimit: maxText, QueueLimit: maxWaiting},
		},
		Handle: r.serve,
	})
	return mux
}
