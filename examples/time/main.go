// Time pushes the time to a page that comes from another port, so the two have different origins and the server
// names the page's in its Origins.
//
//	go run ./examples/time
//
// Open exactly the URL that it prints: to a browser, and so to the server, localhost is another origin than 127.0.0.1.
// Ctrl-C ends it in order: every page is told with close code 1001.
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
	"os"
	"os/signal"
	"time"

	"github.com/parley-ws/parley/ws"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

func main() {
	addr := flag.String("addr", "127.0.0.1:8002", "address of the WebSocket server")
	pageAddr := flag.String("page", "127.0.0.1:8003", "address of the page")
	every := flag.Duration("every", 5*time.Second, "time between two messages")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *pageAddr, *every); err != nil {
		log.Fatal(err)
	}
}

// run serves the page and the time on two ports until ctx ends.
func run(ctx context.Context, addr, pageAddr string, every time.Duration) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	pageLn, err := net.Listen("tcp", pageAddr)
	if err != nil {
		return err
	}
	origin := "http://" + pageLn.Addr().String()
	fmt.Printf("Open %s/ (Ctrl-C ends)\n", origin)

	var group ws.Group
	servers := []*http.Server{
		{Handler: ticker(&group, origin, every), ReadHeaderTimeout: 5 * time.Second},
		{Handler: servePage("ws://" + ln.Addr().String() + "/"), ReadHeaderTimeout: 5 * time.Second},
	}
	failed := make(chan error, len(servers))
	for i, ln := range []net.Listener{ln, pageLn} {
		go func() { failed <- servers[i].Serve(ln) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, group.Shutdown(ctx))
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(ctx))
	}
	return err
}

// ticker sends the time to pages of one origin.
func ticker(group *ws.Group, origin string, every time.Duration) http.Handler {
	return ws.Handler{
		Options: ws.AcceptOptions{Group: group, Origins: []string{origin}},
		Handle: func(c *ws.Conn) error {
			ctx := c.CloseRead(c.Context()) // it only writes, but somebody must read pongs and the close frame
			tick := time.NewTicker(every)
			defer tick.Stop()
			for now := time.Now(); ; {
				if err := c.Write(ctx, ws.Text, []byte(now.Format(time.RFC3339))); err != nil {
					return err
				}
				select {
				case now = <-tick.C:
				case <-ctx.Done():
					return nil
				}
			}
		},
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
