package main

import (
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

var coderModes = map[mode]websocket.CompressionMode{
	off: websocket.CompressionDisabled, on: websocket.CompressionNoContextTakeover, takeover: websocket.CompressionContextTakeover,
}

func echoCoder(ctx context.Context, c *websocket.Conn) error {
	defer c.CloseNow()
	c.SetReadLimit(limit)
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
	}
}

func serveCoder(l net.Listener, m mode) error {
	o := &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: coderModes[m], CompressionThreshold: 1}
	return serveHTTP(l, func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, o); err == nil {
			echoCoder(context.Background(), c)
		}
	})
}

func driveCoder(ctx context.Context, url string, m mode) error {
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: coderModes[m], CompressionThreshold: 1})
	if err != nil {
		return err
	}
	return echoCoder(ctx, c)
}

func readCoder(ctx context.Context, url string) ([]byte, error) {
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	defer c.CloseNow()
	_, p, err := c.Read(ctx)
	return p, err
}
