package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestOrigin(t *testing.T) {
	log := make(chan string, 10)
	s := httptest.NewServer(handler(slog.New(slog.NewTextHandler(lines(log), nil)), "http://good.example"))
	defer s.Close()
	dial := func(origin string) (*ws.Conn, error) {
		return ws.Dial(t.Context(), s.URL, &ws.DialOptions{Header: http.Header{"Origin": {origin}}})
	}
	for _, origin := range []string{"http://bad.example", "https://good.example", "http://good.example.evil.example", "null"} {
		var refused *ws.HandshakeError
		if _, err := dial(origin); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
			t.Errorf("%s: %v", origin, err)
		}
		if line := <-log; !strings.Contains(line, "msg=rejected origin="+origin+" ") {
			t.Errorf("%s: logged %s", origin, line)
		}
	}
	c, err := dial("http://good.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if line := <-log; !strings.Contains(line, "msg=accepted origin=http://good.example") {
		t.Errorf("logged %s", line)
	}
	for _, m := range []struct {
		typ        ws.Type
		send, want string
	}{{ws.Text, "grüezi", "GRÜEZI"}, {ws.Binary, "\x01\x02\xff", "\xff\x02\x01"}} {
		if err := c.Write(t.Context(), m.typ, []byte(m.send)); err != nil {
			t.Fatal(err)
		}
		if typ, p, err := c.Read(t.Context()); err != nil || typ != m.typ || string(p) != m.want {
			t.Errorf("got %v %q, %v", typ, p, err)
		}
	}
	if err := c.Close(t.Context(), 4001, "seen enough"); err != nil {
		t.Error(err)
	}
	if line := <-log; !strings.Contains(line, `msg=closed origin=http://good.example code=4001 reason="seen enough" "by peer"=true`) {
		t.Errorf("logged %s", line)
	}
}

// lines returns a writer that sends each line to c.
func lines(c chan<- string) io.Writer { return lineWriter(c) }

type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(bytes.TrimSpace(p))
	return len(p), nil
}
