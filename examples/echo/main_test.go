package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestEcho(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	c, err := ws.Dial(t.Context(), s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, m := range []ws.Message{{Type: ws.Text, Data: []byte("grüezi")}, {Type: ws.Binary, Data: []byte{0, 255}}} {
		if err := c.Write(t.Context(), m.Type, m.Data); err != nil {
			t.Fatal(err)
		}
		typ, p, err := c.Read(t.Context())
		if err != nil || typ != m.Type || string(p) != string(m.Data) {
			t.Errorf("got %v %q, %v", typ, p, err)
		}
	}
}

func TestClient(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	var out strings.Builder
	if err := client(t.Context(), s.URL, []string{"one", "zwei"}, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "one\nzwei\n" {
		t.Errorf("printed %q", out.String())
	}
}
