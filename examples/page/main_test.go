package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestPageAndSocketShareAURL(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "<h1>Ping from a page</h1>") {
		t.Errorf("not the page: %v", err)
	}
	c, err := ws.Dial(t.Context(), s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), ws.Text, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "pong" {
		t.Errorf("got %q, %v", p, err)
	}
	if err := c.Write(t.Context(), ws.Text, []byte("pang")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodePolicyViolation {
		t.Errorf("after nonsense: %v", err)
	}
}
