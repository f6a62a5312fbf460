//go:build unix

package main

import (
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// terminate is what a test sends to end a program from outside.
const terminate = syscall.SIGTERM

// relay serves an endpoint that passes every message on to all others, once there is another, and returns its URL.
func relay(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	conns := map[*ws.Conn]bool{}
	company := make(chan struct{}) // closed when the second has come
	var group ws.Group
	srv := httptest.NewServer(&ws.Handler{
		Options: ws.AcceptOptions{Group: &group},
		Handle: func(c *ws.Conn) error {
			mu.Lock()
			if conns[c] = true; len(conns) == 2 {
				close(company)
			}
			mu.Unlock()
			defer func() {
				mu.Lock()
				delete(conns, c)
				mu.Unlock()
			}()
			return c.Run(c.Context(), ws.Events{Message: func(_ *ws.Conn, typ ws.Type, p []byte) error {
				select {
				case <-company:
				case <-c.Context().Done():
				}
				mu.Lock()
				defer mu.Unlock()
				for other := range conns {
					if other != c {
						other.TryWrite(typ, p) // who has gone hears nothing
					}
				}
				return nil
			}})
		},
	})
	t.Cleanup(func() {
		srv.Close()
		if err := group.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/"
}
