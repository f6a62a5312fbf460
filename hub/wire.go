package hub

import (
	"encoding/json"
	"time"

	"github.com/parley-ws/parley/broker"
)

// wireFilter is a filter in a command. Its name is encoded as bytes: that of a prefix may end within a character, which JSON cannot say.
type wireFilter struct {
	Type broker.FilterType `json:"type"`
	Name []byte            `json:"name"`
}

func wired(f broker.Filter) wireFilter { return wireFilter{f.Type, []byte(f.Name)} }

func (w wireFilter) filter() broker.Filter { return broker.Filter{Type: w.Type, Name: string(w.Name)} }

func wireFilters(list []broker.Filter) []wireFilter {
	var wire []wireFilter
	for _, f := range list {
		wire = append(wire, wired(f))
	}
	return wire
}

func unwireFilters(wire []wireFilter) []broker.Filter {
	var list []broker.Filter
	for _, w := range wire {
		list = append(list, w.filter())
	}
	return list
}

// wireIdentity is an Identity in a command, without the user, who stays.
type wireIdentity struct {
	Claims    json.RawMessage `json:"claims,omitempty"`
	Expires   time.Time       `json:"expires,omitzero"`
	Subscribe []wireFilter    `json:"subscribe,omitempty"`
	Publish   []wireFilter    `json:"publish,omitempty"`
	Presence  []wireFilter    `json:"presence,omitempty"`
	Call      []wireFilter    `json:"call,omitempty"`
	Producer  string          `json:"producer,omitempty"`
	Rate      float64         `json:"rate,omitempty"`
	Burst     int             `json:"burst,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

func identityOnWire(id *Identity) *wireIdentity {
	return &wireIdentity{
		Claims: id.Claims, Expires: id.Expires, Subscribe: wireFilters(id.Subscribe), Publish: wireFilters(id.Publish),
		Presence: wireFilters(id.Presence), Call: wireFilters(id.Call), Producer: id.Producer, Rate: id.Rate, Burst: id.Burst, Data: id.Data,
	}
}

func (w *wireIdentity) identity() *Identity {
	return &Identity{
		Claims: w.Claims, Expires: w.Expires, Subscribe: unwireFilters(w.Subscribe), Publish: unwireFilters(w.Publish),
		Presence: unwireFilters(w.Presence), Call: unwireFilters(w.Call), Producer: w.Producer, Rate: w.Rate, Burst: w.Burst, Data: w.Data,
	}
}
