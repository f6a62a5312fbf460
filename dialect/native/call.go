package native

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/parley-ws/parley/hub"
)

var errCancelled = errors.New("native: the caller has cancelled the call")

func (p *peer) call(_ context.Context, c *command) error {
	method, args := c.need(fMethod), c.json(fArgs)
	if c.err == nil && c.id == 0 {
		c.fail(`a call needs an "id"`)
	}
	if c.err != nil {
		return c.err
	}
	one, id := &call{cancel: func() {}}, c.id
	p.callMu.Lock()
	if p.calls[id] != nil {
		p.callMu.Unlock()
		return hub.Errorf(hub.BadRequest, "a call with this id is under way")
	}
	if p.calls == nil {
		p.calls = map[uint64]*call{}
	}
	p.calls[id] = one
	p.callMu.Unlock()
	cancel, err := p.session.Call(hub.CallRequest{
		Method: method,
		Args:   args,
		Item: func(v json.RawMessage) error {
			if !p.answerCall(id, one, false, func(b []byte) []byte {
				return append(appendJSON(begin(b, "item", id), "data", v), '}')
			}) {
				return errCancelled
			}
			return nil
		},
		Done: func(result json.RawMessage, e *hub.Error) {
			p.answerCall(id, one, true, func(b []byte) []byte {
				if e != nil {
					return append(b, errorFrame(id, e)...)
				}
				if len(result) == 0 {
					result = json.RawMessage("null")
				}
				return append(appendJSON(begin(b, "result", id), "data", result), '}')
			})
		},
	})
	p.callMu.Lock()
	defer p.callMu.Unlock()
	if err != nil {
		delete(p.calls, id)
		return err
	}
	one.cancel = cancel
	return nil
}

// answerCall sends a frame of a call, unless it has been cancelled. Nothing of a call follows its last frame, nor the answer to its cancel:
// so it is sent with the lock held.
func (p *peer) answerCall(id uint64, one *call, last bool, add func(b []byte) []byte) bool {
	p.callMu.Lock()
	defer p.callMu.Unlock()
	if p.calls[id] != one {
		return false
	}
	p.session.Send(p.codec.frame(add))
	if last {
		delete(p.calls, id)
	}
	return true
}

// pending reports whether calls are under way.
func (p *peer) pending() bool {
	p.callMu.Lock()
	defer p.callMu.Unlock()
	return len(p.calls) > 0
}

func (p *peer) cancel(_ context.Context, c *command) error {
	id, ok := integer(c.raw[fCall])
	if c.err == nil && (!ok || id == 0) {
		c.fail(`"call" must be the id of a call`)
	}
	if c.err != nil {
		return c.err
	}
	p.callMu.Lock()
	one := p.calls[id]
	delete(p.calls, id)
	p.callMu.Unlock()
	if one == nil {
		return hub.Errorf(hub.NotFound, "no call with this id is under way")
	}
	one.cancel()
	p.reply(c, "cancelled", func(b []byte) []byte { return appendInt(b, "call", int64(id)) })
	return nil
}
