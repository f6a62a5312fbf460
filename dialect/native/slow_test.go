package native_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// A client that does not read for a while is told exactly what it missed.
func TestGap(t *testing.T) {
	h := serve(t, hub.Options{Limits: hub.Limits{OutboxBytes: 100 << 10}}, native.Options{})
	c, err := ws.Dial(t.Context(), h.dialURL(), &ws.DialOptions{Subprotocols: []string{native.Protocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), ws.Text, []byte(`{"type":"connect"} {"type":"subscribe","id":1,"topic":"t"}`)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const count = 1000
	body := []byte(strings.Repeat("x", 20<<10))
	for range count {
		if _, err := h.hub.Publish(t.Context(), &broker.Message{Topic: "t", Kind: broker.Text, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	at, gaps := uint64(0), 0
	for at < count {
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Type, Position, After, Tail, Reason string
			Count                               int
		}
		if err := json.Unmarshal(p, &f); err != nil {
			t.Fatal(err)
		}
		offset := func(position string) uint64 {
			_, s, _ := strings.Cut(position, ":")
			n, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				t.Fatalf("%v: %.200s", err, p)
			}
			return n
		}
		switch {
		case f.Type == "message" && offset(f.Position) == at+1:
			at++
		case f.Type == "gap" && offset(f.After) == at && offset(f.Tail)-at == uint64(f.Count) && f.Reason == "slow":
			at = offset(f.Tail)
			gaps++
		default:
			t.Fatalf("after %d came %.200s", at, p)
		}
	}
	if gaps == 0 {
		t.Error("nothing was missed: the test shows nothing")
	}
}
