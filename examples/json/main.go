// Json is a server that says in JSON what it received, and a client that sends four texts and ten zero bytes.
//
//	go run ./examples/json                        # the server
//	go run ./examples/json ws://127.0.0.1:8004/   # the client
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
	"github.com/parley-ws/parley/ws/wsjson"
)

// Receipt says what the server received.
type Receipt struct {
	Type   string `json:"type"`           // "text" or "binary"
	Length int    `json:"length"`         // in bytes
	Text   string `json:"text,omitempty"` // of a text message
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8004", "address the server listens on")
	flag.Parse()
	var err error
	if flag.NArg() == 0 {
		err = serve(*addr)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = client(ctx, flag.Arg(0), os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Connect to ws://%s/ (Ctrl-C ends)\n", ln.Addr())
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(ln)
}

// handler answers each message with a Receipt.
func handler() http.Handler {
	return ws.Handler{Handle: func(c *ws.Conn) error {
		ctx := c.Context()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			receipt := Receipt{Type: m.Type.String(), Length: len(m.Data)}
			if m.Type == ws.Text {
				receipt.Text = string(m.Data)
			}
			if err := wsjson.Write(ctx, c, receipt); err != nil {
				return err
			}
		}
		return nil
	}}
}

// client sends its messages and prints the receipts.
func client(ctx context.Context, url string, out io.Writer) error {
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	messages := []ws.Message{
		{Type: ws.Text, Data: []byte("one")},
		{Type: ws.Text, Data: []byte("zwei 🎈")},
		{Type: ws.Text, Data: []byte("")},
		{Type: ws.Text, Data: []byte(`{"four": 4}`)},
		{Type: ws.Binary, Data: make([]byte, 10)},
	}
	for _, m := range messages {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
		receipt, err := wsjson.Read[Receipt](ctx, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s of %d bytes %q\n", receipt.Type, receipt.Length, receipt.Text)
	}
	return c.Close(ctx, ws.CodeNormal, "")
}
