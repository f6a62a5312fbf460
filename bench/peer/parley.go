package main

import (
	"context"
	"net"

	"github.com/parley-ws/parley/ws"
)

func parleyCompression(m mode) *ws.Compression {
	if m == off {
		return nil
	}
	return &ws.Compression{Threshold: -1, ServerTakeover: m == takeover, ClientTakeover: m == takeover}
}

func echoParley(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error { return c.Write(c.Context(), t, p) }})
}

func serveParley(l net.Listener, m mode) error {
	h := ws.Handler{Handle: echoParley, Options: ws.AcceptOptions{Options: ws.Options{MessageLimit: limit}, AnyOrigin: true, Compression: parleyCompression(m)}}
	return serveHTTP(l, h.ServeHTTP)
}

func driveParley(ctx context.Context, url string, m mode) error {
	c, err := ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{MessageLimit: limit}, Compression: parleyCompression(m)})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	return echoParley(c)
}

func readParley(ctx context.Context, url string) ([]byte, error) {
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	defer c.CloseNow()
	_, p, err := c.Read(ctx)
	return p, err
}
