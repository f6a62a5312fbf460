package interop

import (
	"errors"
	"net/http"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestSubprotocol(t *testing.T) {
	tests := []struct {
		name         string
		ours, theirs []string
		want         string
	}{
		{"the-one", []string{"chat"}, []string{"chat"}, "chat"},
		{"the-only-common-one", []string{"chat.v2", "chat.v3"}, []string{"chat.v1", "chat.v2"}, "chat.v2"},
		{"none-wanted", nil, nil, ""},
		{"odd-characters", []string{"a!#$%&'*+-.^_`|~9"}, []string{"a!#$%&'*+-.^_`|~9"}, "a!#$%&'*+-.^_`|~9"},
	}
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		check := func(t *testing.T, m meeting, want string) {
			t.Helper()
			conn, them := s.connect(t, ours, m)
			if conn.Subprotocol() != want || them.subprotocol != want {
				t.Errorf("Parley says %q, the peer %q, want %q", conn.Subprotocol(), them.subprotocol, want)
			}
			if err := conn.Write(bounded(t), ws.Text, []byte("hello")); err != nil {
				t.Error(err)
			}
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) { check(t, meeting{ours: test.ours, theirs: test.theirs}, test.want) })
		}
		both := meeting{ours: []string{"b", "a"}, theirs: []string{"a", "b"}}
		none := meeting{ours: []string{"ours"}, theirs: []string{"theirs"}}
		if ours == client {
			t.Run("no-common-one", func(t *testing.T) { check(t, none, "") })
			return
		}
		t.Run("by-parleys-preference", func(t *testing.T) { check(t, both, "b") })
		t.Run("no-common-one", func(t *testing.T) {
			if !s.can.needsSubprotocol {
				check(t, none, "")
				return
			}
			url, at := s.route(&ws.AcceptOptions{Subprotocols: none.ours})
			told := none.told()
			told["url"] = url
			if answer := s.try(t, "dial", told); answer.Error == "" {
				t.Errorf("the peer takes no subprotocol for %q", answer.Subprotocol)
			}
			got := at.next(t)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if err := got.conn.CloseNow(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestRefused(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		if ours == client {
			listening := s.do(t, "listen", command{"refuse": http.StatusForbidden})
			defer s.do(t, "unlisten", command{"listener": listening.Listener})
			conn, err := ws.Dial(t.Context(), listening.URL, nil)
			if err == nil {
				_ = conn.CloseNow()
			}
			var he *ws.HandshakeError
			if !errors.As(err, &he) || he.Status != http.StatusForbidden || he.Header.Get("X-Why") != "a test" {
				t.Errorf("Dial: %v, want a HandshakeError with the peer's status and header", err)
			}
			return
		}
		reject := &ws.RejectError{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {"Basic"}}, Body: "not you"}
		url, at := s.route(&ws.AcceptOptions{Check: func(*http.Request) error { return reject }})
		answer := s.try(t, "dial", command{"url": url})
		if answer.Error == "" {
			t.Error("the peer says that it is connected")
		}
		if got := at.next(t); !errors.Is(got.err, reject) {
			t.Errorf("Accept: %v, want the refusal", got.err)
		}
		if answer.WasClean != nil {
			checkFailed(t, answer)
		}
	})
}
