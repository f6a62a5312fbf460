package server

import (
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/config"
)

// The bounds of what is held for all topics together reach the broker.
func TestLimitsOfTheBroker(t *testing.T) {
	cfg := config.Default()
	cfg.Limits.Topics = 2
	cfg.Limits.HistoryTotal = 2 << 10
	s, err := New(Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	publish := func(topic string) error {
		_, err := s.Hub().Publish(t.Context(), &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte(strings.Repeat("x", 1000))})
		return err
	}
	for _, topic := range []string{"a", "b", "b"} {
		if err := publish(topic); err != nil {
			t.Fatal(err)
		}
	}
	if e := hub.AsError(publish("c")); e == nil || e.Code != hub.Unavailable || !e.Retry {
		t.Errorf("a third topic: %v", e)
	}
	for topic, want := range map[string]int{"a": 0, "b": 1} {
		page, err := s.Hub().History(t.Context(), topic, broker.Query{Limit: 10})
		if err != nil || len(page.Messages) != want {
			t.Errorf("%d messages of %s are kept, %v; want %d", len(page.Messages), topic, err, want)
		}
	}
}
