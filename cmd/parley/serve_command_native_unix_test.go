//go:build unix

package main

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// nativeFrame is what these tests look at in frames of parley.v1.
type nativeFrame struct {
	Type, Topic, Text, Position string
	Re, Replayed, Count         int
	Recovered                   *bool
	Error                       *struct{ Code, Text string }
}

// native connects with parley.v1.
func native(t *testing.T, s *commanded) *ws.Conn {
	t.Helper()
	c := dial(t, s.ws+"/ws", &ws.DialOptions{Subprotocols: []string{"parley.v1"}})
	tell(t, c, `{"type":"connect","id":1}`)
	if f := frame(t, c); f.Type != "connected" {
		t.Fatalf("%+v", f)
	}
	return c
}

func frame(t *testing.T, c *ws.Conn) nativeFrame {
	t.Helper()
	_, p, err := c.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	var f nativeFrame
	if err := json.Unmarshal(p, &f); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
	return f
}

// Clients of the native protocol see the lines of a command as messages of a topic: with history first, and after each cut from where they
// were, with nothing missing and nothing twice.
func TestServeCommandNativeResumes(t *testing.T) {
	t.Parallel()
	s := startCommands(t, "[[topic]]\npattern = \"numbers\"\nhistory = 10000\n"+
		one(`topic = "numbers"`, `i=0; while :; do echo $i; i=$((i+1)); sleep 0.005; done`))
	other := native(t, s) // tells that messages were missed
	tell(t, other, `{"type":"subscribe","id":2,"topic":"numbers"}`)
	passed := func(n int) {
		t.Helper()
		for f := frame(t, other); f.Type != "message" || value(t, f) < n; f = frame(t, other) {
		}
	}
	passed(20)

	c := native(t, s)
	tell(t, c, `{"type":"subscribe","id":2,"topic":"numbers","history":10}`)
	if f := frame(t, c); f.Type != "subscribed" || f.Replayed != 10 {
		t.Fatalf("%+v", f)
	}
	last, position := -1, ""
	read := func(n int) {
		t.Helper()
		for range n {
			f := frame(t, c)
			if f.Type != "message" || last >= 0 && value(t, f) != last+1 {
				t.Fatalf("%+v came after %d", f, last)
			}
			last, position = value(t, f), f.Position
		}
	}
	read(30)
	for range 4 {
		c.CloseNow()
		passed(last + 10)
		c = native(t, s)
		tell(t, c, `{"type":"subscribe","id":2,"topic":"numbers","since":"`+position+`"}`)
		if f := frame(t, c); f.Type != "subscribed" || f.Recovered == nil || !*f.Recovered || f.Replayed < 10 {
			t.Fatalf("%+v", f)
		}
		read(30)
	}
}

// value is the number that a message is.
func value(t *testing.T, f nativeFrame) int {
	t.Helper()
	n, err := strconv.Atoi(f.Text)
	if err != nil {
		t.Fatalf("%+v is not a number", f)
	}
	return n
}

// What clients of the native protocol publish is read by the command, and what it makes of it comes back in the same order.
func TestServeCommandNativeInput(t *testing.T) {
	t.Parallel()
	s := startCommands(t, one("topic = \"up\"\ninput = true\ninput_full = \"wait\"", `while read line; do echo "<$line>"; done`))
	c := native(t, s)
	tell(t, c, `{"type":"subscribe","id":2,"topic":"up"}`)
	const many = 40
	for i := range many {
		tell(t, c, `{"type":"publish","id":`+strconv.Itoa(10+i)+`,"topic":"up","text":"`+strconv.Itoa(i)+`","echo":false}`)
	}
	for i := 0; i < many; {
		f := frame(t, c)
		switch f.Type {
		case "subscribed", "published":
		case "message":
			if f.Text != "<"+strconv.Itoa(i)+">" {
				t.Fatalf("got %+v, want <%d>", f, i)
			}
			i++
		default:
			t.Fatalf("%+v", f)
		}
	}
}

// A command that does not read makes those wait who publish to it, and nobody else: neither other topics nor those who listen to its own.
func TestServeCommandInputWaits(t *testing.T) {
	t.Parallel()
	s := startCommands(t, "[limits]\nmessage_bytes = \"16KiB\"\noutbox = \"64KiB\"\n[[topic]]\npattern = \"**\"\nhistory = 100\n"+
		one("topic = \"deaf\"\ninput = true\ninput_full = \"wait\"", `echo ready; exec sleep 600`)+
		one("topic = \"fine\"\ninput = true", `while read line; do echo "<$line>"; done`))
	listener := native(t, s)
	tell(t, listener, `{"type":"subscribe","id":2,"topic":"deaf"}`)
	frame(t, listener)

	stuck := dial(t, s.ws+"/t/deaf", nil)
	body := make([]byte, 12<<10)
	for i := range body {
		body[i] = 'x'
	}
	go func() { // 64 KiB are in the pipe and as many in the queue, some in sockets, and then it waits
		for t.Context().Err() == nil && stuck.Write(t.Context(), ws.Text, body) == nil {
		}
	}()
	for n := 0; n < 8; { // more than the queue holds: the pipe is full
		switch f := frame(t, listener); {
		case f.Type == "gap": // it does not keep up, with so small an outbox
			n += f.Count
		case f.Type == "message" && f.Text == string(body):
			n++
		}
	}
	for range 3 {
		s.publish(t, "other", "hello")
		c := dial(t, s.ws+"/t/fine", nil)
		tell(t, c, "hello")
		says(t, c, "hello")
		says(t, c, "<hello>")
		c.CloseNow()
	}
	s.signal(t, terminate)
	if r := s.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
}
