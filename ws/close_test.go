package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// inBothRoles runs a test in a bubble with a server, then with a client, and the peer of each.
func inBothRoles(t *testing.T, o ws.ConnOptions, test func(t *testing.T, c *ws.Conn, peer *wstest.Peer)) {
	t.Helper()
	for _, role := range []string{"server", "client"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := o
				o.Client = role == "client"
				c, peer := wstest.ConnAndPeer(o)
				defer c.CloseNow()
				defer peer.Close()
				test(t, c, peer)
			})
		})
	}
}

// async calls f and returns where its error will be. Whatever f waits for, it has come to it.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	synctest.Wait()
	return done
}

func closing(c *ws.Conn, code ws.Code, reason string) func() error {
	return func() error { return c.Close(context.Background(), code, reason) }
}

func reading(c *ws.Conn) func() error {
	return func() error { _, _, err := c.Read(context.Background()); return err }
}

// wantEnd checks every place where the end of a connection can be seen.
func wantEnd(t *testing.T, c *ws.Conn, want ws.CloseError) {
	t.Helper()
	for name, err := range map[string]error{
		"Read":     reading(c)(),
		"Write":    c.Write(t.Context(), ws.Text, nil),
		"TryWrite": c.TryWrite(ws.Text, nil),
		"Writer":   func() error { _, err := c.Writer(t.Context(), ws.Text); return err }(),
		"Ping":     func() error { _, err := c.Ping(t.Context()); return err }(),
		"Cause":    context.Cause(c.Context()),
	} {
		var ce *ws.CloseError
		if !errors.As(err, &ce) || ce.Code != want.Code || ce.Reason != want.Reason || ce.Remote != want.Remote || (want.Err == nil) != (ce.Err == nil) {
			t.Errorf("%s: %v, want %v", name, err, &want)
		}
		if want.Err != nil && !errors.Is(err, want.Err) {
			t.Errorf("%s: %v is not %v", name, err, want.Err)
		}
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v is not net.ErrClosed", name, err)
		}
		if got := ws.CloseCode(fmt.Errorf("wrapped: %w", err)); got != want.Code {
			t.Errorf("%s: CloseCode %d, want %d", name, got, want.Code)
		}
	}
	select {
	case <-c.Context().Done():
	default:
		t.Error("Context goes on")
	}
}

// wantStreamEnd checks who ends the stream after a closing handshake (RFC 6455 §7.1.1): the server does at once, and the
// client waits for it as long as CloseTimeout.
func wantStreamEnd(t *testing.T, client bool, peer *wstest.Peer) {
	t.Helper()
	if client {
		peer.ExpectSilence(t, 4*time.Second)
		peer.CloseWrite()
	}
	peer.ExpectEnd(t)
}

func isClient(c *ws.Conn, t *testing.T) bool { return strings.HasSuffix(t.Name(), "/client") }

// This side closes: the frame says what was asked for, and the end is recorded as ours.
func TestCloseLocal(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, tc := range []struct {
		name   string
		code   ws.Code
		reason string
		want   string
	}{
		{"5.5.1 code and reason", 1000, "bye", "bye"},
		{"5.5.1 no reason", 1001, "", ""},
		{"5.5.1 no code, no reason", ws.CodeNoStatus, "not sent", ""},
		{"7.4.2 first private code", 3000, "", ""},
		{"7.4.2 last private code", 4999, "", ""},
		{"5.5 reason of 123 bytes", 1000, long[:120] + "abc", long[:120] + "abc"},
		{"5.5 reason of 124 bytes", 1000, long[:120] + "abcd", long[:120] + "abc"},
		{"5.5 reason cut between runes", 1000, long, long[:122]},
		{"5.5 reason cut before four bytes", 1000, long[:120] + "a\U0001f600", long[:120] + "a"},
		{"5.5.1 reason that is not UTF-8", 1000, "a\xffb", "a\uFFFDb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				done := async(closing(c, tc.code, tc.reason))
				if got := peer.ExpectClose(t, tc.code); got != tc.want {
					t.Errorf("reason %q, want %q", got, tc.want)
				}
				peer.ExpectSilence(t, time.Second)
				select {
				case err := <-done:
					t.Fatalf("Close did not wait for the answer: %v", err)
				default:
				}
				peer.MustSend(t, wstest.Close(4321, "the peer's own")) // any answer will do
				if err := <-done; err != nil {
					t.Error(err)
				}
				wantStreamEnd(t, isClient(c, t), peer)
				wantEnd(t, c, ws.CloseError{Code: tc.code, Reason: tc.want})
				if err := c.Close(t.Context(), 4000, "again"); err != nil {
					t.Errorf("second Close: %v", err)
				}
			})
		})
	}
}

// The peer closes: its code comes back, once, and every call says so.
func TestCloseRemote(t *testing.T) {
	for _, tc := range []struct {
		name   string
		code   ws.Code
		reason string
	}{
		{"5.5.1 echo", 1000, ""},
		{"5.5.1 echo without the reason", 1001, "gone"},
		{"5.5.1 empty", ws.CodeNoStatus, ""},
		{"7.4.2 private", 4999, strings.Repeat("r", 123)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				ctx := c.Context() // asked for before the end
				done := async(reading(c))
				peer.MustSend(t, wstest.Close(tc.code, tc.reason))
				<-done
				if reason := peer.ExpectClose(t, tc.code); reason != "" {
					t.Errorf("the answer holds a reason: %q", reason)
				}
				wantStreamEnd(t, isClient(c, t), peer)
				want := ws.CloseError{Code: tc.code, Reason: tc.reason, Remote: true}
				wantEnd(t, c, want)
				if ws.CloseCode(context.Cause(ctx)) != tc.code {
					t.Errorf("cause %v", context.Cause(ctx))
				}
				var ce *ws.CloseError
				if err := c.Close(t.Context(), 1000, ""); !errors.As(err, &ce) || !ce.Remote || ce.Code != tc.code {
					t.Errorf("Close after the peer's: %v", err)
				}
			})
		})
	}
}

// A client whose server never closes the stream gives up after CloseTimeout, and so does a server (RFC 6455 §7.1.1).
func TestCloseStreamTimeout(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		begun := time.Now()
		done := async(closing(c, 1000, ""))
		peer.ExpectClose(t, 1000)
		peer.MustSend(t, wstest.Close(1000, ""))
		<-done
		for { // the peer goes on sending until nobody takes it
			time.Sleep(time.Second)
			if err := peer.SendRaw([]byte{0x80}); err != nil {
				break
			}
		}
		if took := time.Since(begun); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("the stream was closed after %v, want 5s", took)
		}
	})
}

// Codes that no frame may carry are refused, and nothing happens (RFC 6455 §7.4).
func TestCloseIllegalCode(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		for _, code := range []ws.Code{0, 1, 999, 1004, ws.CodeAbnormal, ws.CodeTLSHandshake, 1016, 1100, 2000, 2999, 5000, 65535} {
			if err := c.Close(t.Context(), code, ""); err == nil || ws.CloseCode(err) != 0 {
				t.Errorf("code %d: %v", code, err)
			}
		}
		if err := c.Write(t.Context(), ws.Text, []byte("still here")); err != nil {
			t.Error(err)
		}
		peer.Expect(t, wstest.Text("still here"))
	})
}

// Both sides close at once: each has sent its frame, takes the other's for the answer, and sends no second one.
func TestCloseSimultaneous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
		first := make(chan error, 2)
		go func() { first <- c.Close(t.Context(), 3001, "client") }()
		go func() { first <- s.Close(t.Context(), 3002, "server") }()
		for range 2 {
			// Who is faster decides; an end that the other side began is told.
			if err := <-first; err != nil && ws.CloseCode(err) != 3001 && ws.CloseCode(err) != 3002 {
				t.Error(err)
			}
		}
	})
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		read := async(reading(c))
		go peer.Send(wstest.Close(3002, ""))
		err := c.Close(t.Context(), 3001, "")
		code := ws.Code(3001)
		if err != nil {
			code = 3002
		}
		if ws.CloseCode(err) != 0 && ws.CloseCode(err) != code || ws.CloseCode(<-read) != code {
			t.Errorf("Close: %v", err)
		}
		peer.ExpectClose(t, code)
		wantStreamEnd(t, isClient(c, t), peer)
	})
}

// However the two close frames meet, one leaves.
func TestCloseOneFrame(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	for range rounds {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		done := make(chan error, 2)
		start := make(chan struct{})
		go func() { done <- reading(c)() }()
		go func() { <-start; done <- closing(c, 1000, "")() }()
		go func() { <-start; peer.Send(wstest.Close(3000, "")) }()
		close(start)
		if f := peer.MustNext(t); f.Opcode != wstest.OpClose {
			t.Fatalf("got %v", f)
		}
		peer.ExpectEnd(t)
		peer.Close()
		<-done
		<-done
	}
}

// A peer that does not answer is left, in time, whatever it does meanwhile.
func TestCloseBounded(t *testing.T) {
	for _, tc := range []struct {
		name    string
		timeout time.Duration // of the context
		option  time.Duration
		want    time.Duration
		is      error
	}{
		{"default CloseTimeout", 0, 0, 5 * time.Second, ws.ErrCloseTimeout},
		{"CloseTimeout", 0, 2 * time.Second, 2 * time.Second, ws.ErrCloseTimeout},
		{"context first", time.Second, 2 * time.Second, time.Second, context.DeadlineExceeded},
		{"context last", time.Hour, 2 * time.Second, 2 * time.Second, ws.ErrCloseTimeout},
	} {
		for _, how := range []string{"silent", "talking", "read pending", "in a callback"} {
			t.Run(tc.name+"/"+how, func(t *testing.T) {
				inBothRoles(t, ws.ConnOptions{Options: ws.Options{CloseTimeout: tc.option}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
					ctx, cancel := t.Context(), func() {}
					if tc.timeout > 0 {
						ctx, cancel = context.WithTimeout(ctx, tc.timeout)
					}
					defer cancel()
					entered := make(chan struct{})
					switch how {
					case "talking":
						stopped := make(chan struct{})
						defer func() { <-stopped }()
						go func() {
							defer close(stopped)
							for peer.Send(wstest.Text("more"), wstest.Ping("p")) == nil {
								time.Sleep(10 * time.Millisecond)
							}
						}()
					case "read pending":
						async(reading(c))
					case "in a callback":
						peer.MustSend(t, wstest.Text("x"))
						go c.Run(context.Background(), ws.Events{Message: func(*ws.Conn, ws.Type, []byte) error {
							close(entered)
							<-c.Context().Done() // and it never reads again
							return errMine
						}})
						<-entered
					}
					begun := time.Now()
					err := c.Close(ctx, 1000, "")
					if how == "in a callback" {
						if err != nil {
							t.Error(err)
						}
						<-c.Context().Done()
						err = context.Cause(c.Context())
						tc.want, tc.is = max(tc.want, tc.option), ws.ErrCloseTimeout
					}
					if took := time.Since(begun); took != tc.want || !errors.Is(err, tc.is) {
						t.Errorf("%v after %v, want %v after %v", err, took, tc.is, tc.want)
					}
					for f := peer.MustNext(t); f.Opcode != wstest.OpClose; f = peer.MustNext(t) {
						if f.Opcode != wstest.OpPong {
							t.Fatalf("got %v", f)
						}
					}
					peer.ExpectEnd(t)
					wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: tc.is})
					if err := c.Close(t.Context(), 1000, ""); ws.CloseCode(err) != ws.CodeAbnormal {
						t.Errorf("second Close: %v", err)
					}
				})
			})
		}
	}
}

// A context that has ended already still lets the frame leave.
func TestCloseEndedContext(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errMine)
		if err := c.Close(ctx, 1000, ""); !errors.Is(err, context.Canceled) || !errors.Is(err, errMine) {
			t.Error(err)
		}
		wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: errMine})
	})
}
