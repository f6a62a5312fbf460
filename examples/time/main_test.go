package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

func TestTicker(t *testing.T) {
	var group ws.Group
	s := httptest.NewServer(ticker(&group, "http://page.example", time.Millisecond))
	defer s.Close()
	dial := func(origin string) (*ws.Conn, error) {
		return ws.Dial(t.Context(), s.URL, &ws.DialOptions{Header: http.Header{"Origin": {origin}}})
	}
	c, err := dial("http://page.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for range 3 {
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse(time.RFC3339, string(p)); err != nil {
			t.Error(err)
		}
	}
	var refused *ws.HandshakeError
	if _, err := dial("http://other.example"); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("another origin: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context(), ws.Events{}) }()
	if err := group.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil || c.Context().Err() == nil {
		t.Errorf("after the shutdown: %v", err)
	}
}

func TestPageNamesTheServer(t *testing.T) {
	w := httptest.NewRecorder()
	servePage("ws://127.0.0.1:1234/").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !strings.Contains(w.Body.String(), `const url = "ws://127.0.0.1:1234/"`) {
		t.Error("the page does not know where to connect")
	}
}
