package check_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/ws"
)

// echo answers each message with itself.
func echo(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
		return c.Write(c.Context(), t, p)
	}})
}

func TestServer(t *testing.T) {
	h := ws.Handler{Handle: echo}
	h.Options.MessageLimit = 16 << 20
	srv := httptest.NewServer(h)
	defer srv.Close()
	check.Test(t, check.Target{URL: "ws" + strings.TrimPrefix(srv.URL, "http")})
}

func TestClient(t *testing.T) {
	check.Test(t, check.Target{Client: func(ctx context.Context, url string) error {
		c, err := ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{MessageLimit: 16 << 20}})
		if err != nil {
			return err
		}
		return echo(c)
	}})
}
