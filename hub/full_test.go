package hub_test

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
)

// Where there is no room for one more topic, the client is told to come back later, it is counted, and the log does not fill up.
func TestNoRoomForTopics(t *testing.T) {
	b := memory.New(memory.Options{MaxTopics: 1})
	defer b.Close()
	var refused []string
	var log bytes.Buffer
	h := newHub(t, hub.Options{
		Broker: b, Topics: []hub.Topic{{Pattern: "**", Presence: true}}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Trace: &hub.Trace{Refused: func(limit string) { refused = append(refused, limit) }},
	})
	c := connect(t, h, plain, "")
	publish(t, h, "a", "1")
	_, err := c.Publish(t.Context(), &broker.Message{Topic: "b", Kind: broker.Text})
	wantCode(t, err, hub.Unavailable)
	_, err = h.Publish(t.Context(), &broker.Message{Topic: "b", Kind: broker.Text})
	wantCode(t, hub.AsError(err), hub.Unavailable)
	_, err = c.Enter(t.Context(), "b", nil)
	wantCode(t, err, hub.Unavailable)
	c.subscribe(t, hub.Subscribe{Filter: broker.Exact("b")}) // makes none
	if !slices.Equal(refused, []string{"topics", "topics", "topics"}) {
		t.Errorf("refused %q", refused)
	}
	if log.Len() > 0 {
		t.Errorf("the log says %s", &log)
	}
}
