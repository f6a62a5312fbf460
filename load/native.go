package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/parley-ws/parley/ws"
)

// nativeProtocol is Parley's own subprotocol. It is described in docs/protocol.md.
const nativeProtocol = "parley.v1"

// refusal is an error of a server that speaks parley.v1.
type refusal struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func (r *refusal) Error() string { return r.Code + ": " + r.Text }

// answer is as much of a frame of the server as matters here.
type answer struct {
	Type  string   `json:"type"`
	Re    uint64   `json:"re"`
	Error *refusal `json:"error"`
}

// greetNative connects, and subscribes if that is what the link does.
func (l *link) greetNative(ctx context.Context, topic string) error {
	if l.conn.Subprotocol() != nativeProtocol {
		return errors.New("load: the server does not speak the subprotocol parley.v1 there: check the path of the URL, or leave the topic out")
	}
	commands := `{"type":"connect","id":1,"name":"parley bench"}`
	awaited := uint64(1)
	if l.role == subscriber {
		name, err := json.Marshal(topic)
		if err != nil {
			return err
		}
		commands += `{"type":"subscribe","id":2,"topic":` + string(name) + `}`
		awaited = 2
	}
	if err := l.conn.Write(ctx, ws.Text, []byte(commands)); err != nil {
		return err
	}
	for {
		_, p, err := l.conn.Read(ctx)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(p, &a); err != nil {
			return fmt.Errorf("load: the server's answer is no JSON: %w", err)
		}
		if a.Error != nil {
			return fmt.Errorf("load: the server refused: %w", a.Error)
		}
		if a.Re == awaited {
			return nil
		}
	}
}

// publishNative returns the command that publishes a message.
func publishNative(id int64, topic string, message []byte) []byte {
	name, err := json.Marshal(topic)
	if err != nil {
		panic(err) // strings can be marshalled
	}
	b := append([]byte(`{"type":"publish","id":`), strconv.FormatInt(id, 10)...)
	b = append(append(b, `,"topic":`...), name...)
	if json.Valid(message) {
		b = append(append(b, `,"data":`...), message...)
	} else {
		text, err := json.Marshal(string(message))
		if err != nil {
			panic(err)
		}
		b = append(append(b, `,"text":`...), text...)
	}
	return append(b, '}')
}

// acknowledge takes what a publisher receives: in parley.v1 the answers to its commands.
func (l *link) acknowledge(p []byte, now time.Duration) {
	if l.run.plan.Fanout.Topic == "" {
		return // its own messages, which the subscribers count
	}
	var a answer
	if json.Unmarshal(p, &a) != nil || a.Re == 0 {
		l.shard.count(func(c *counts) { c.other++ })
		return
	}
	w, result := l.pending.take(a.Re, false)
	if result != answered {
		return
	}
	if a.Error != nil {
		l.run.faults.add("publish "+a.Error.Code, 1, a.Error.Text)
		if w.due >= l.run.warm {
			l.published.Add(-1)
		}
		return
	}
	if w.due >= l.run.warm {
		l.shard.record(mRoundTrip, now-w.due)
		l.shard.record(mRoundRaw, now-w.sent)
	}
}
