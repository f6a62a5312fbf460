package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// producer begins the names of commands as producers of messages. No client can have such a name, so that it tells what a command has
// written itself: that must not come back to it.
const producer = "command/"

// feed is a command on a topic: what it writes is published, and if it wants to, it reads what others publish.
type feed struct {
	c      *command
	log    *slog.Logger
	runner *bridge.Runner
	untap  func()
	ctx    context.Context // of messages that wait to be published
	cancel context.CancelFunc

	unpublished, unread seldom
}

func (c *command) newFeed(o bridge.Options) (*feed, error) {
	f := &feed{c: c, log: o.Logger, untap: func() {}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	var err error
	if f.runner, err = bridge.NewRunner(o, f.publish); err != nil {
		f.cancel()
		return nil, err
	}
	if c.spec.Input {
		f.untap = c.s.hub.Tap(c.spec.Topic, f.input)
	}
	return f, nil
}

// stop ends the process. What it still writes is published.
func (f *feed) stop(ctx context.Context) error {
	f.untap()
	f.cancel() // a topic that is full holds nothing up any more
	return f.runner.Shutdown(ctx)
}

// publish publishes a message. As long as the topic takes no more, the command waits.
func (f *feed) publish(t ws.Type, data []byte) {
	h, topic := f.c.s.hub, f.c.spec.Topic
	kind := broker.Text
	switch {
	case t == ws.Binary || h.Kind(topic) == broker.Bytes:
		kind = broker.Bytes
	case h.Kind(topic) == broker.JSON && json.Valid(data):
		kind = broker.JSON
	}
	for {
		_, err := h.Publish(context.Background(), &broker.Message{Topic: topic, Kind: kind, Body: data, Producer: producer + topic})
		e := hub.AsError(err)
		switch {
		case e == nil:
			return
		case e.Code != hub.RateLimited && e.Code != hub.Unavailable || f.ctx.Err() != nil:
			f.unpublished.warn(f.log, "a message of the command cannot be published, and is left out", e)
			return
		}
		select {
		case <-f.ctx.Done():
		case <-time.After(max(e.After, 10*time.Millisecond)):
		}
	}
}

// input gives the command what somebody else has published.
func (f *feed) input(ctx context.Context, is hub.Tapped) {
	m := is.Message
	if strings.HasPrefix(m.Producer, producer) {
		return
	}
	in := &bridge.Input{Type: ws.Text, Data: m.Body, Topic: m.Topic, Session: is.Session}
	if m.Kind == broker.Bytes {
		in.Type = ws.Binary
	}
	if is.Identity != nil {
		in.User, in.Claims = is.Identity.User, is.Identity.Claims
	}
	var err error
	if f.c.spec.InputFull == "wait" {
		err = f.runner.Send(ctx, in)
	} else {
		err = f.runner.TrySend(in)
	}
	if err != nil && !errors.Is(err, bridge.ErrEnded) && ctx.Err() == nil {
		f.unread.warn(f.log, "a message does not get to the command", err)
	}
}

// seldom logs the same thing once in a while.
type seldom struct {
	mu   sync.Mutex
	next time.Time
	more int
}

const seldomPause = 10 * time.Second

// warn logs a message, with how many like it were not logged since the last one.
func (s *seldom) warn(log *slog.Logger, text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Before(s.next) {
		s.more++
	} else {
		log.Warn(text, "err", err, "more", s.more)
		s.next, s.more = now.Add(seldomPause), 0
	}
}
