package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// upgraded returns a client's end of a new connection to srv.
func upgraded(t *testing.T, srv *wstest.Server) *wstest.Peer {
	t.Helper()
	peer, err := srv.Peer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	resp, err := peer.Upgrade(wstest.Head{})
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d: %s", resp.StatusCode, resp.Content)
	}
	return peer
}

// What Handle returns decides how the connection ends.
func TestHandlerResult(t *testing.T) {
	for name, tc := range map[string]struct {
		handle func(*ws.Conn) error
		code   ws.Code
		reason string
		logged string // "" if nothing is
	}{
		"nil":                 {func(*ws.Conn) error { return nil }, 1000, "", ""},
		"CloseError":          {func(*ws.Conn) error { return &ws.CloseError{Code: 1008, Reason: "no"} }, 1008, "no", ""},
		"CloseError, own":     {func(*ws.Conn) error { return &ws.CloseError{Code: 4000} }, 4000, "", ""},
		"CloseError, wrapped": {func(*ws.Conn) error { return fmt.Errorf("x: %w", &ws.CloseError{Code: 1013, Reason: "later"}) }, 1013, "later", ""},
		"RFC 6455 §7.4.1 CloseError with a code that is never sent": {
			func(*ws.Conn) error { return &ws.CloseError{Code: 1006, Reason: "x"} }, 1011, "", "1006"},
		"RFC 6455 §7.4.2 CloseError with a code out of range": {
			func(*ws.Conn) error { return &ws.CloseError{Code: 5000, Reason: "x"} }, 1011, "", "5000"},
		"error":   {func(*ws.Conn) error { return errors.New("the database is down") }, 1011, "", "the database is down"},
		"context": {func(*ws.Conn) error { return context.DeadlineExceeded }, 1011, "", "deadline exceeded"},
		"panic":   {func(*ws.Conn) error { panic("out of cheese") }, 1011, "", "out of cheese"},
		"panic with an error": {func(*ws.Conn) error { panic(&ws.CloseError{Code: 1008, Reason: "x"}) }, 1011, "",
			"panic"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				srv := wstest.NewServer(t, ws.Handler{
					Options: ws.AcceptOptions{Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}},
					Handle:  tc.handle,
				})
				peer := upgraded(t, srv)
				if reason := peer.ExpectClose(t, tc.code); reason != tc.reason {
					t.Errorf("the reason is %q, want %q", reason, tc.reason)
				}
				peer.MustSend(t, wstest.Close(tc.code, ""))
				peer.ExpectEnd(t)
				synctest.Wait()
				if tc.logged == "" {
					if log.Len() > 0 {
						t.Errorf("logged: %s", &log)
					}
				} else if !strings.Contains(log.String(), tc.logged) || strings.Count(log.String(), "level=ERROR") != 1 {
					t.Errorf("logged %q, want one error with %q", &log, tc.logged)
				}
			})
		})
	}
}

// Without a Logger, errors and panics go nowhere, and harm nobody else.
func TestHandlerNoLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, ws.Handler{Handle: func(c *ws.Conn) error {
			if _, p, err := c.Read(c.Context()); err != nil {
				return err
			} else if string(p) == "panic" {
				panic("out of cheese")
			}
			return nil
		}})
		first, second := upgraded(t, srv), upgraded(t, srv)
		first.MustSend(t, wstest.Text("panic"))
		first.ExpectClose(t, 1011)
		second.MustSend(t, wstest.Text("end"))
		second.ExpectClose(t, 1000)
	})
}

// Once the connection is over, whatever Handle returns is not sent.
func TestHandlerConnectionOver(t *testing.T) {
	for name, result := range map[string]func(error) error{
		"the error of Read": func(err error) error { return err },
		"nil":               func(error) error { return nil },
		"another error":     func(error) error { return errors.New("other") },
		"CloseError":        func(error) error { return &ws.CloseError{Code: 1008} },
		"panic":             func(error) error { panic("out of cheese") },
	} {
		for _, end := range []string{"peer closed", "peer broke a rule", "stream ended", "closed", "cut"} {
			t.Run(name+"/"+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log bytes.Buffer
					srv := wstest.NewServer(t, ws.Handler{
						Options: ws.AcceptOptions{Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}},
						Handle: func(c *ws.Conn) error {
							switch end {
							case "closed":
								return result(c.Close(context.Background(), 4001, "mine"))
							case "cut":
								return result(c.CloseNow())
							}
							_, _, err := c.Read(context.Background())
							if err == nil {
								t.Error("Read succeeded")
							}
							return result(err)
						},
					})
					peer := upgraded(t, srv)
					switch end {
					case "peer closed":
						peer.MustSend(t, wstest.Close(4000, "bye"))
						peer.ExpectClose(t, 4000)
					case "peer broke a rule":
						peer.MustSend(t, wstest.Frame{Fin: true, Opcode: 3})
						peer.ExpectClose(t, 1002)
					case "stream ended":
						peer.CloseWrite()
					case "closed":
						peer.ExpectClose(t, 4001)
						peer.MustSend(t, wstest.Close(4001, ""))
					}
					peer.ExpectEnd(t)
					synctest.Wait()
					if name == "panic" {
						if !strings.Contains(log.String(), "out of cheese") {
							t.Errorf("the panic is not logged: %q", &log)
						}
					} else if log.Len() > 0 {
						t.Errorf("logged: %s", &log)
					}
				})
			})
		}
	}
}

// Handle runs on its own goroutine, so that the http.Server can let its buffers go.
func TestHandlerAfterServeHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		returned, handling, ended := false, false, make(chan struct{})
		h := ws.Handler{Handle: func(c *ws.Conn) error {
			defer close(ended)
			handling = true
			if c.Request().Header.Get("Upgrade") != "websocket" {
				t.Error("the request is not kept")
			}
			<-c.Context().Done()
			return nil
		}}
		srv := wstest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			returned = true
		}))
		peer := upgraded(t, srv)
		time.Sleep(time.Second) // free in a bubble: nothing that the server does ends the connection
		synctest.Wait()
		if !returned || !handling {
			t.Errorf("ServeHTTP returned: %t; Handle runs: %t", returned, handling)
		}
		select {
		case <-ended:
			t.Error("Conn.Context ended with the request")
		default:
		}
		peer.Close()
		<-ended // nobody reads, but the next ping finds out
	})
}

func TestHandlerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		debug := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		srv := wstest.NewServer(t, ws.Handler{
			Options: ws.AcceptOptions{Options: ws.Options{Logger: slog.New(debug)}},
			Handle:  func(*ws.Conn) error { t.Error("Handle was called"); return nil },
		})
		peer, err := srv.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		resp, err := peer.Upgrade(header("Origin: https://elsewhere.test"))
		if err != nil || resp.StatusCode != http.StatusForbidden {
			t.Fatalf("%v, %v", resp, err)
		}
		synctest.Wait()
		if !strings.Contains(log.String(), "level=DEBUG") || !strings.Contains(log.String(), "origin") {
			t.Errorf("logged %q", &log)
		}
	})
}
