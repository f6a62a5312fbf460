package native_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
)

var update = flag.Bool("update", false, "write what the server says into the conversations; read them afterwards")

// A conversation is a file of lines:
//
//	# a remark
//	> {"type":"connect"}      the client sends a frame; bob> is another client
//	< {"type":"connected"}    the server sends one
//	< closed 4400 reason      the server ends it
//	hub> publish a text hi    the application does something
//
// Clients whose name begins with sse or poll go over HTTP. What differs each time has a name in its place: ID1 is an id or a secret, E1 an
// epoch, R1 the ref of a member; times are 0.
type conversation struct {
	t       *testing.T
	host    *host
	clients map[string]client
	order   []string
	resumed int64             // what the host's counter was before the last frame
	names   map[string]string // what differs, to its name
	values  map[string]string // and back
}

func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Errorf("there are %d conversations", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := &conversation{
				t: t, host: serve(t, hub.Options{Limits: hub.Limits{PresenceGrace: -1}}, native.Options{}),
				clients: map[string]client{}, names: map[string]string{}, values: map[string]string{},
			}
			got := c.hold(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s: the server said something else:\n%s", file, difference(string(text), got))
			}
		})
	}
}

// difference shows the first line that differs.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return "nothing"
}

var line = regexp.MustCompile(`^([a-z0-9]*)([<>]) (.*)$`)

// hold plays the conversation, and returns it as it was.
func (c *conversation) hold(text string) string {
	var out strings.Builder
	for row := range strings.Lines(text) {
		row = strings.TrimSuffix(row, "\n")
		m := line.FindStringSubmatch(row)
		switch {
		case m == nil:
			out.WriteString(row + "\n")
		case m[1] == "hub":
			out.WriteString(row + "\n")
			c.act(strings.Fields(c.real(m[3])))
			c.listen(&out)
		case m[2] == ">":
			out.WriteString(row + "\n")
			if c.clients[m[1]] == nil {
				c.clients[m[1]] = newClient(c.t, c.host, m[1])
				c.order = append(c.order, m[1])
			}
			c.resumed = c.host.resumed.Load()
			c.clients[m[1]].send(c.t, c.real(m[3]))
			c.listen(&out)
		case *update: // it was heard already
		case c.clients[m[1]] == nil:
			c.t.Fatalf("nobody is called %q", m[1])
		default:
			got := c.clients[m[1]].receive(patience)
			if got == "" {
				c.t.Fatalf("%q waited in vain for %s", m[1], m[3])
			}
			out.WriteString(m[1] + "< " + c.named(got) + "\n")
		}
	}
	if *update {
		return out.String()
	}
	// Nothing else was said.
	for _, name := range c.order {
		switch w := c.clients[name].(type) {
		case *wsClient:
			if w.c.Write(c.t.Context(), 1, []byte(`{"type":"ping","id":99999}`)) != nil {
				continue // it is closed
			}
			if got := w.receive(patience); !strings.HasPrefix(got, "closed") && got != `{"type":"pong","re":99999}` {
				c.t.Errorf("%q was told more: %s", name, c.named(got))
			}
		default:
			if got := w.receive(0); got != "" {
				c.t.Errorf("%q was told more: %s", name, c.named(got))
			}
		}
	}
	return out.String()
}

// listen writes down what all clients hear until it is quiet, to make conversations.
func (c *conversation) listen(out *strings.Builder) {
	if !*update {
		return
	}
	for _, name := range c.order {
		for {
			got := c.clients[name].receive(200 * time.Millisecond)
			if got == "" {
				break
			}
			out.WriteString(name + "< " + c.named(got) + "\n")
		}
	}
}

var (
	differs = regexp.MustCompile(`\b[A-Z2-7]{26}\b|"[0-9A-Za-z]{4,32}:[0-9]+"|"ref":"[A-Z2-7]{12}"`)
	times   = regexp.MustCompile(`"(time|since|expires_ms|after_ms)":[0-9]+`)
	named   = regexp.MustCompile(`\b(ID|E|R)[1-9]\b`)
)

// named puts names in the place of what differs.
func (c *conversation) named(s string) string {
	s = times.ReplaceAllString(s, `"$1":0`)
	return differs.ReplaceAllStringFunc(s, func(v string) string {
		if ref, ok := strings.CutPrefix(v, `"ref":`); ok {
			return `"ref":"` + c.name("R", strings.Trim(ref, `"`)) + `"`
		}
		if epoch, offset, ok := strings.Cut(strings.Trim(v, `"`), ":"); ok {
			return `"` + c.name("E", epoch) + ":" + offset + `"`
		}
		return c.name("ID", v)
	})
}

func (c *conversation) name(kind, value string) string {
	if n := c.names[value]; n != "" {
		return n
	}
	for i := 1; ; i++ {
		if n := fmt.Sprint(kind, i); c.values[n] == "" {
			c.names[value], c.values[n] = n, value
			return n
		}
	}
}

// real is the inverse of named.
func (c *conversation) real(s string) string {
	return named.ReplaceAllStringFunc(s, func(n string) string {
		if v := c.values[n]; v != "" {
			return v
		}
		return n
	})
}

// act does something on the application's behalf.
func (c *conversation) act(words []string) {
	t, h, ctx := c.t, c.host.hub, c.t.Context()
	for _, one := range c.clients { // a poll that waits has resumed
		if p, ok := one.(*pollClient); ok {
			for p.pending.Load() && c.host.resumed.Load() == c.resumed {
				time.Sleep(time.Millisecond)
			}
		}
	}
	var err error
	switch words[0] {
	case "publish": // topic, kind, body
		kind, bad := broker.ParseKind(words[2])
		if bad != nil {
			t.Fatal(bad)
		}
		_, err = h.Publish(ctx, &broker.Message{Topic: words[1], Kind: kind, Body: []byte(strings.Join(words[3:], " "))})
	case "subscribe", "unsubscribe": // user, pattern
		f, bad := broker.Pattern(words[2])
		if bad != nil {
			t.Fatal(bad)
		}
		if words[0] == "subscribe" {
			err = h.Subscribe(ctx, broker.Target{User: words[1]}, f)
		} else {
			err = h.Unsubscribe(ctx, broker.Target{User: words[1]}, f)
		}
	case "disconnect": // user, text
		err = h.Disconnect(ctx, broker.Target{User: words[1]}, hub.Reason{Text: strings.Join(words[2:], " ")})
	case "drain":
		ended, stop := context.WithTimeout(ctx, patience)
		defer stop()
		err = h.Drain(ended, 0)
	default:
		t.Fatalf("unknown action %q", words[0])
	}
	if err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
}
