package ws_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/parley-ws/parley/ws"
)

// A server that echoes, and a client. Handler accepts every connection from the same origin and ends it by what Handle returns.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("GET /echo", ws.Handler{Handle: func(c *ws.Conn) error {
		for {
			t, data, err := c.Read(c.Context())
			if err != nil {
				return err // the connection is over; nothing is left to do
			}
			if string(data) == "enough" {
				return &ws.CloseError{Code: 4000, Reason: "as you wish"}
			}
			if err := c.Write(c.Context(), t, data); err != nil {
				return err
			}
		}
	}})
	srv := httptest.NewServer(mux) // in a program: an http.Server
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, srv.URL+"/echo", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	for _, s := range []string{"hello", "enough"} {
		if err := c.Write(ctx, ws.Text, []byte(s)); err != nil {
			log.Fatal(err)
		}
		_, data, err := c.Read(ctx)
		var end *ws.CloseError
		if errors.As(err, &end) {
			fmt.Println("closed:", int(end.Code), end.Reason)
			break
		}
		fmt.Println(string(data))
	}
	// Output:
	// hello
	// closed: 4000 as you wish
}

// Accept is for a handler that does something else before or after, or serves plain requests, too.
func ExampleAccept() {
	options := &ws.AcceptOptions{
		Origins:      []string{"https://*.example.com"}, // beside the server's own host
		Subprotocols: []string{"chat.v2", "chat.v1"},
		Check: func(r *http.Request) error {
			if r.Header.Get("Authorization") != "Bearer letmein" {
				return &ws.RejectError{Status: http.StatusUnauthorized, Body: "who are you?"}
			}
			return nil
		},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, options)
		if err != nil {
			return // the client has its answer
		}
		defer c.CloseNow() // on every way out
		ctx := c.Context() // the request's own context ends with this function
		if err := c.Write(ctx, ws.Text, []byte("welcome to "+c.Subprotocol())); err != nil {
			return
		}
		_ = c.Close(ctx, ws.CodeNormal, "") // the client may be gone already
	}))
	defer srv.Close()

	ctx := context.Background()
	_, err := ws.Dial(ctx, srv.URL, nil)
	var refused *ws.HandshakeError
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, string(refused.Body))
	}

	c, err := ws.Dial(ctx, srv.URL, &ws.DialOptions{
		Header:       http.Header{"Authorization": {"Bearer letmein"}},
		Subprotocols: []string{"chat.v1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_, data, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(data))
	// Output:
	// 401 who are you?
	// welcome to chat.v1
}

// A client that says why it could not connect. Of a server that answers, the error holds status, header and body.
func ExampleDial() {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := ws.Dial(ctx, srv.URL+"/chat", &ws.DialOptions{ // "wss://example.com/chat"
		Options:     ws.Options{MessageLimit: 64 << 10},
		Compression: &ws.Compression{},
	})
	var refused *ws.HandshakeError
	var network *net.OpError
	switch {
	case err == nil:
		defer c.CloseNow()
		fmt.Println("connected:", c.Extensions())
	case errors.As(err, &refused) && refused.Status != 0:
		fmt.Println("the server says", refused.Status)
	case errors.As(err, &network):
		fmt.Println("no connection:", network)
	default:
		fmt.Println(err)
	}
	// Output: the server says 404
}

// A server that stops in order: http.Server.Shutdown does not know of WebSocket connections, a Group does.
func ExampleGroup_Shutdown() {
	var group ws.Group
	srv := httptest.NewServer(ws.Handler{ // in a program: an http.Server
		Options: ws.AcceptOptions{Group: &group},
		Handle: func(c *ws.Conn) error {
			for {
				if _, _, err := c.Read(c.Context()); err != nil {
					return err
				}
			}
		},
	})

	ctx := context.Background()
	c, err := ws.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	told := make(chan error)
	go func() {
		_, _, err := c.Read(ctx)
		told <- err
	}()

	drain, cancel := context.WithTimeout(ctx, 10*time.Second) // then what is left is cut
	defer cancel()
	if err := group.Shutdown(drain); err != nil {
		log.Print(err)
	}
	srv.Close() // in a program: http.Server.Shutdown(drain)

	var end *ws.CloseError
	if errors.As(<-told, &end) {
		fmt.Println("the client was told:", int(end.Code), end.Reason)
	}
	// Output: the client was told: 1001 server is shutting down
}
