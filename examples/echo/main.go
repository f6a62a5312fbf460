// Echo is the smallest server and the smallest client: what a client sends comes back.
//
//	go run ./examples/echo                                      # the server
//	go run ./examples/echo ws://127.0.0.1:8001/ hello 'grüezi'  # the client
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/parley-ws/parley/ws"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8001", "address the server listens on")
	flag.Parse()
	var err error
	if flag.NArg() == 0 {
		err = serve(*addr)
	} else {
		err = client(context.Background(), flag.Arg(0), flag.Args()[1:], os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve is the server.
func serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Connect to ws://%s/ (Ctrl-C ends)\n", ln.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(ln)
}

// handler accepts WebSocket connections and answers each message with itself.
func handler() http.Handler {
	return ws.Handler{Handle: func(c *ws.Conn) error {
		ctx := c.Context()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}}
}

// client sends each text and prints the reply.
func client(ctx context.Context, url string, texts []string, out io.Writer) error {
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	for _, text := range texts {
		if err := c.Write(ctx, ws.Text, []byte(text)); err != nil {
			return err
		}
		_, reply, err := c.Read(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", reply)
	}
	return c.Close(ctx, ws.CodeNormal, "")
}
