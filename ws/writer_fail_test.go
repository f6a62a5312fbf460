package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// A message that is given up before anything of it was sent does no harm; afterwards it ends the connection.
func TestWriterGivenUp(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(w io.Writer, cancel func()) error
		want error // in the error of do, or of Close
	}{
		{"context", func(w io.Writer, cancel func()) error {
			cancel()
			_, err := io.WriteString(w, strings.ToValidUTF8(noise(100000), "?"))
			return err
		}, errMine},
		{"RFC 6455 8.1 not UTF-8", func(w io.Writer, _ func()) error {
			_, err := io.WriteString(w, "abc\xff")
			return err
		}, nil},
		{"RFC 6455 8.1 not UTF-8 over two writes", func(w io.Writer, _ func()) error {
			if _, err := io.WriteString(w, "abc\xe2\x82"); err != nil {
				return fmt.Errorf("the first part: %w", err)
			}
			_, err := io.WriteString(w, "\xe2")
			return err
		}, nil},
		{"RFC 6455 8.1 cut at the end", func(w io.Writer, _ func()) error {
			if _, err := io.WriteString(w, "abc\xe2\x82"); err != nil {
				return fmt.Errorf("the first part: %w", err)
			}
			return w.(io.Closer).Close()
		}, nil},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/begun=%v", tc.name, late), func(t *testing.T) {
				withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
					frames := peer.log()
					hello := strings.Repeat("hello, ", 200)
					for range 2 {
						if err := c.Write(t.Context(), ws.Text, []byte(hello)); err != nil {
							t.Fatal(err)
						}
						if s, _, err := frames.message(peer); err != nil || s != hello {
							t.Fatalf("%s, %v", short(s), err)
						}
					}
					ctx, cancel := context.WithCancelCause(t.Context())
					w, err := c.Writer(ctx, ws.Text)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.WriteString(w, "something compressible, "); err != nil {
						t.Fatal(err)
					}
					if late {
						if _, err := io.WriteString(w, strings.ToValidUTF8(noise(100000), "?")); err != nil {
							t.Fatal(err)
						}
					}
					err = tc.do(w, func() { cancel(errMine) })
					cancel(nil)
					if err == nil || tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && !strings.Contains(err.Error(), "UTF-8") {
						t.Errorf("error %v", err)
					}
					if again := w.Close(); again != err {
						t.Errorf("Close after %v: %v", err, again)
					}
					if _, again := w.Write(nil); again != err {
						t.Errorf("Write after %v: %v", err, again)
					}
					if !late {
						if err := c.Write(t.Context(), ws.Text, []byte(hello)); err != nil {
							t.Fatal(err)
						}
						if s, _, err := frames.message(peer); err != nil || s != hello {
							t.Errorf("the next message: %s, %v", short(s), err)
						}
						return
					}
					if got := c.Write(t.Context(), ws.Text, []byte(hello)); ws.CloseCode(got) != ws.CodeAbnormal || !errors.Is(got, err) {
						t.Errorf("the next message: %v", got)
					}
					if s, _, err := frames.message(peer); err != io.ErrUnexpectedEOF {
						t.Errorf("received %s, %v", short(s), err)
					}
				})
			})
		}
	}
}

// Text is checked over all writes, not write by write; and a message is closed once.
func TestWriterText(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		frames := peer.log()
		text := strings.Repeat("κόσμε \U0001f600, ", 2000)
		w, err := c.Writer(t.Context(), ws.Text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(text) {
			if n, err := io.WriteString(w, text[i:i+1]); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		if n, err := io.WriteString(w, "more"); n != 0 || err == nil {
			t.Errorf("Write after Close: %d, %v", n, err)
		}
		if s, _, err := frames.message(peer); err != nil || s != text {
			t.Errorf("%s, %v", short(s), err)
		}
		if _, err := c.Writer(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "type 3") {
			t.Errorf("a message of type 3: %v", err)
		}
	})
}
