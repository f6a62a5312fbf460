package main

import (
	"context"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// echoGorilla echoes, with the check of UTF-8 that the library leaves to applications, as its Autobahn example does.
func echoGorilla(c *websocket.Conn) error {
	defer c.Close()
	c.SetReadLimit(limit)
	for {
		t, p, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if t == websocket.TextMessage && !utf8.Valid(p) {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""), time.Now().Add(time.Second))
			return nil
		}
		if err := c.WriteMessage(t, p); err != nil {
			return err
		}
	}
}

func serveGorilla(l net.Listener, m mode) error {
	u := websocket.Upgrader{EnableCompression: m != off, CheckOrigin: func(*http.Request) bool { return true }}
	return serveHTTP(l, func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r, nil); err == nil {
			echoGorilla(c)
		}
	})
}

func driveGorilla(ctx context.Context, url string, m mode) error {
	d := websocket.Dialer{EnableCompression: m != off, HandshakeTimeout: 10 * time.Second}
	c, _, err := d.DialContext(ctx, url, nil)
	if err != nil {
		return err
	}
	return echoGorilla(c)
}

func readGorilla(ctx context.Context, url string) ([]byte, error) {
	c, _, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_, p, err := c.ReadMessage()
	return p, err
}
