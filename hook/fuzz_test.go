package hook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// FuzzAnswer lets the application answer anything: nothing panics, nothing is allowed that it has not allowed in so many words, and what it
// says of a client is sound.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"allow":true,"cache":1,"user":"ann","expires":1893456000,"subscribe":["a/**"],"call":["m*"],"rate":1,"burst":2,"data":{},"body":"AP8="}`)
	f.Add(200, `{"allow":false,"code":"not_found","text":"no","retry":1e9}`)
	f.Add(200, `{"Allow":true}`)
	f.Add(200, `{"result":1}`)
	f.Add(200, "{\"item\":1}\n{\"error\":{\"code\":\"internal\"}}\n")
	f.Add(403, ``)
	f.Add(500, `null`)
	f.Fuzz(func(t *testing.T, status int, text string) {
		if status < 200 || status > 598 {
			return
		}
		a := &app{answer: always(status, text)}
		client := start(t, a, Options{Retries: -1, CallBytes: 1 << 10})
		who, err := client.Authoriser(everything)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		says := json.Unmarshal([]byte(text), &members) == nil && strings.TrimSpace(string(members["allow"])) == "true" && status == 200
		check := func(err error) {
			t.Helper()
			var e *hub.Error
			if err != nil && (!errors.As(err, &e) || e.Code == "" || e.Text == "" || len(e.Text) > maxText || e.After < 0) {
				t.Fatalf("got %v", err)
			}
			if err == nil && !says {
				t.Fatalf("allowed by %d %q", status, text)
			}
		}
		id, err := who.Connect(context.Background(), &hub.Credentials{})
		check(err)
		if err == nil {
			for _, list := range [][]broker.Filter{id.Subscribe, id.Publish, id.Presence, id.Call, id.Subscriptions} {
				for _, flt := range list {
					if flt.Check() != nil {
						t.Fatalf("%v is no filter", flt)
					}
				}
			}
			if id.Rate < 0 || id.Burst < 0 || len(id.Claims) > 0 && !json.Valid(id.Claims) || len(id.Data) > 0 && !json.Valid(id.Data) {
				t.Fatalf("got %+v", id)
			}
		}
		for kind := broker.JSON; kind <= broker.Bytes; kind++ {
			m := &broker.Message{Kind: kind, Body: []byte("{}")}
			err := who.Allow(context.Background(), &hub.Access{Action: hub.ActPublish, Topics: broker.Exact(kind.String()), Message: m})
			check(err)
			if kind == broker.JSON && !json.Valid(m.Body) {
				t.Fatalf("the body %q is no JSON", m.Body)
			}
		}
		handler, err := client.Call(where)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []http.Header{jsonType, streamType} {
			a.header = kind
			result, err := handler(context.Background(), &hub.Call{Method: "m", Item: func(v json.RawMessage) error {
				if !json.Valid(v) {
					t.Fatalf("the item %q is no JSON", v)
				}
				return nil
			}})
			var e *hub.Error
			if err != nil && !errors.As(err, &e) || err == nil && len(result) > 0 && !json.Valid(result) {
				t.Fatalf("got %q, %v", result, err)
			}
		}
	})
}
