package auth

import (
	"context"
	"errors"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// codec has no words for anything, and sink takes what it gets: the least that a session needs.
type (
	codec struct{}
	sink  struct{}
)

func (codec) Message(*broker.Message, []broker.Filter) (hub.Frame, error) {
	return hub.Frame{}, errors.New("no words")
}
func (codec) Gap(hub.Gap) (hub.Frame, bool)                            { return hub.Frame{}, false }
func (codec) Presence(string, broker.Diff) (hub.Frame, bool)           { return hub.Frame{}, false }
func (codec) Subscribed(hub.Subscribed) (hub.Frame, bool)              { return hub.Frame{}, false }
func (codec) Unsubscribed(broker.Filter, *hub.Error) (hub.Frame, bool) { return hub.Frame{}, false }
func (codec) Notice(hub.Notice) (hub.Frame, bool)                      { return hub.Frame{}, false }

func (sink) TrySend(hub.Frame) error                 { return nil }
func (sink) Send(context.Context, []hub.Frame) error { return nil }
func (sink) Close(hub.Reason)                        {}
