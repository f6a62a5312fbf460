package ws_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A panic is logged once, with its stack, whether the connection is open or over, and ends nothing but the connection.
func TestHandlerPanicIsLogged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before func(*ws.Conn)
		want   ws.Code
	}{
		{"open", func(*ws.Conn) {}, ws.CodeInternalError},
		{"over", func(c *ws.Conn) { c.CloseNow() }, ws.CodeAbnormal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				srv := wstest.NewServer(t, ws.Handler{
					Options: ws.AcceptOptions{Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}},
					Handle: func(c *ws.Conn) error {
						tc.before(c)
						panic("out of tea")
					},
				})
				c, err := srv.Dial(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer c.CloseNow()
				if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != tc.want {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				srv.Close()
				synctest.Wait() // the handler is done
				for _, part := range []string{"out of tea", "handler_panic_test.go", "remote="} {
					if strings.Count(log.String(), part) == 0 {
						t.Errorf("the log lacks %q:\n%s", part, &log)
					}
				}
				if n := strings.Count(log.String(), "level="); n != 1 {
					t.Errorf("%d entries in the log:\n%s", n, &log)
				}
			})
		})
	}
}
