package hub_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// A tap gets what clients and the application publish to its topic, once, with who it was.
func TestTap(t *testing.T) {
	options := hub.Options{Authoriser: users{}, Topics: []hub.Topic{{Pattern: "shut", MayPublish: hub.Nobody}, {Pattern: "**", Dedup: time.Minute}}}
	bubble(t, options, func(t *testing.T, h *hub.Hub) {
		var seen []string
		note := func(_ context.Context, is hub.Tapped) {
			who := "the application"
			if is.Identity != nil {
				who = is.Identity.User
			}
			seen = append(seen, fmt.Sprintf("%s:%d %s by %s", is.Message.Topic, is.Message.Position.Offset, is.Message.Body, who))
			if (is.Session != "") != (is.Identity != nil) {
				t.Errorf("session %q of %v", is.Session, is.Identity)
			}
		}
		h.Tap("a", func(context.Context, hub.Tapped) { t.Error("the old tap is called") })
		end := h.Tap("a", note)
		h.Tap("shut", note)
		c := connect(t, h, plain, "ann")
		publish := func(topic, id, body string) {
			t.Helper()
			if _, err := c.Publish(t.Context(), &broker.Message{Topic: topic, Kind: broker.Text, ID: id, Body: []byte(body)}); err != nil && topic != "shut" {
				t.Fatal(err)
			}
		}
		publish("a", "1", "x")
		publish("a", "1", "x") // the same again
		publish("b", "", "elsewhere")
		publish("shut", "", "refused")
		if _, err := h.Publish(t.Context(), text("a", "y")); err != nil {
			t.Fatal(err)
		}
		end()
		publish("a", "", "later")
		if want := []string{"a:1 x by ann", "a:2 y by the application"}; !slices.Equal(seen, want) {
			t.Errorf("tapped %q, want %q", seen, want)
		}
	})
}
