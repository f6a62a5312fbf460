package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wsjson"
)

func enter(t *testing.T, server, name string) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(t.Context(), server+"/room?name="+url.QueryEscape(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func expect(t *testing.T, c *ws.Conn, want event) {
	t.Helper()
	got, err := wsjson.Read[event](t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

func TestRoom(t *testing.T) {
	var group ws.Group
	s := httptest.NewServer(handler(&group))
	defer s.Close()
	ada := enter(t, s.URL, "Ada")
	expect(t, ada, event{Kind: "joined", Name: "Ada", Names: []string{"Ada"}})
	bob := enter(t, s.URL, "Bob & Co")
	joined := event{Kind: "joined", Name: "Bob & Co", Names: []string{"Ada", "Bob & Co"}}
	expect(t, ada, joined)
	expect(t, bob, joined)
	if err := bob.Write(t.Context(), ws.Text, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*ws.Conn{ada, bob} {
		expect(t, c, event{Kind: "said", Name: "Bob & Co", Text: "hi"})
	}
	if err := bob.Close(t.Context(), ws.CodeNormal, ""); err != nil {
		t.Fatal(err)
	}
	expect(t, ada, event{Kind: "left", Name: "Bob & Co", Names: []string{"Ada"}})

	ended := make(chan error, 1)
	go func() { ended <- ada.Run(t.Context(), ws.Events{}) }()
	if err := group.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil || ws.CloseCode(context.Cause(ada.Context())) != ws.CodeGoingAway {
		t.Errorf("after the shutdown: %v, %v", err, context.Cause(ada.Context()))
	}
}

func TestWhoAreYou(t *testing.T) {
	s := httptest.NewServer(handler(nil))
	defer s.Close()
	for _, name := range []string{"", "  ", strings.Repeat("x", maxName+1)} {
		if _, _, err := enter(t, s.URL, name).Read(t.Context()); ws.CloseCode(err) != ws.CodePolicyViolation {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

// A full room turns away the next one.
func TestFullRoom(t *testing.T) {
	s := httptest.NewServer(handler(nil))
	defer s.Close()
	for range maxMembers - 1 {
		enter(t, s.URL, "x").CloseRead(t.Context())
	}
	last := enter(t, s.URL, "x")
	for e, err := range wsjson.Messages[event](t.Context(), last) {
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Names) == maxMembers { // everybody has come, in whatever order
			break
		}
	}
	if _, _, err := enter(t, s.URL, "Late").Read(t.Context()); ws.CloseCode(err) != ws.CodeTryAgainLater {
		t.Errorf("one too many: %v", err)
	}
}

// A member who reads may be a few of the largest events behind.
func TestLargestEventFits(t *testing.T) {
	name := strings.Repeat("<", maxName) // each is six characters in JSON
	data, err := json.Marshal(event{Kind: "joined", Name: name, Names: slices.Repeat([]string{name}, maxMembers)})
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > maxWaiting/8 {
		t.Errorf("an event may have %d bytes, and only %d may wait", len(data), maxWaiting)
	}
}

// Somebody who does not read is let go, and the others do not wait for it.
func TestSlowReaderIsLetGo(t *testing.T) {
	s := httptest.NewServer(handler(nil))
	defer s.Close()
	ada := enter(t, s.URL, "Ada")
	enter(t, s.URL, "Snail") // and never read
	text := []byte(strings.Repeat("x", 4000))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := ada.Write(ctx, ws.Text, text); err != nil {
		t.Fatal(err)
	}
	for e, err := range wsjson.Messages[event](ctx, ada) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == "left" && e.Name == "Snail" {
			return
		}
		if e.Kind == "said" { // she has read it herself: the next one
			if err := ada.Write(ctx, ws.Text, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Error("the slow reader is still there")
}
