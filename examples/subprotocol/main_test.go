package main

import (
	"net/http/httptest"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestChoice(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	for _, tc := range []struct {
		offer             []string
		chosen, say, want string
	}{
		{[]string{"greet.v1", "greet.v2"}, "greet.v2", `{"name":"Ada"}`, `{"greeting":"Hello, Ada!"}`},
		{[]string{"greet.v1"}, "greet.v1", "Ada", "Hello, Ada!"},
		{[]string{"greet.v9"}, "", "", ""},
		{nil, "", "", ""},
	} {
		c, err := ws.Dial(t.Context(), s.URL, &ws.DialOptions{Subprotocols: tc.offer})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if c.Subprotocol() != tc.chosen {
			t.Errorf("offered %v: chosen %q", tc.offer, c.Subprotocol())
		}
		if tc.chosen == "" {
			if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodePolicyViolation {
				t.Errorf("offered %v: %v", tc.offer, err)
			}
			continue
		}
		if err := c.Write(t.Context(), ws.Text, []byte(tc.say)); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != tc.want {
			t.Errorf("%s: got %s, %v", tc.chosen, p, err)
		}
	}
}
