package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/hub"
)

var (
	jsonType   = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	streamType = http.Header{"Content-Type": {"application/x-ndjson"}}
)

// call calls a method of a, and returns the items and the result.
func call(t testing.TB, a *app, o Options) ([]string, string, error) {
	t.Helper()
	handler, err := start(t, a, o).Call(where)
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	result, err := handler(t.Context(), &hub.Call{
		Session: ann, Identity: &hub.Identity{User: "ann", Claims: json.RawMessage(`{"c":1}`)}, Method: "m", Args: json.RawMessage(`[1, {"a":"b"}]`),
		Item: func(v json.RawMessage) error {
			items = append(items, string(v))
			return nil
		},
	})
	return items, string(result), err
}

func TestCall(t *testing.T) {
	for _, test := range []struct {
		status int
		kind   http.Header
		body   string
		items  string
		result string
		code   hub.Code
		cause  string
	}{
		{200, jsonType, `{"result":{"x":1}}`, "[]", `{"x":1}`, "", ""},
		{200, jsonType, `{"result":null}`, "[]", `null`, "", ""},
		{204, nil, ``, "[]", ``, "", ""},
		{200, jsonType, `{"error":{"code":"not_found","text":"no city"}}`, "[]", ``, hub.NotFound, ""},
		{200, jsonType, `{"error":{"code":"rate_limited","retry":3}}`, "[]", ``, hub.RateLimited, ""},
		{200, jsonType, `{"error":{"text":"no code"}}`, "[]", ``, hub.Internal, "no code"},
		{200, jsonType, `{"error":{"code":"going_away"}}`, "[]", ``, hub.Internal, "none that an application may give"},
		{200, jsonType, `{"error":"bad"}`, "[]", ``, hub.Internal, "not a JSON object"},
		{200, jsonType, `{"item":1}`, "[]", ``, hub.Internal, "application/x-ndjson"},
		{200, jsonType, `{}`, "[]", ``, hub.Internal, "not one of"},
		{200, jsonType, `{"result":1,"error":{"code":"internal"}}`, "[]", ``, hub.Internal, "not one of"},
		{200, jsonType, `7`, "[]", ``, hub.Internal, "not a JSON object"},
		{200, jsonType, `{"result":"` + strings.Repeat("x", 1000) + `"}`, "[]", ``, hub.Internal, "more than 1000 bytes"},
		{200, nil, `{"result":1}`, "[]", ``, hub.Internal, "has the type"},
		{200, streamType, "{\"item\":1}\n\n \r\n{\"item\":{\"a\":2}}\r\n{\"item\":null}\n{\"result\":3}\nrest", `[1 {"a":2} null]`, `3`, "", ""},
		{200, streamType, "{\"result\":3}", "[]", `3`, "", ""},
		{200, streamType, "{\"item\":1}\n{\"error\":{\"code\":\"timeout\"}}\n", "[1]", ``, hub.Timeout, ""},
		{200, streamType, "{\"item\":1}\n", "[1]", ``, hub.Unavailable, "broke off"},
		{200, streamType, "", "[]", ``, hub.Unavailable, "broke off"},
		{200, streamType, "{\"item\":1}\nnonsense\n", "[1]", ``, hub.Internal, "not a JSON object"},
		{200, streamType, "{\"item\":1}\n{\"item\":\"" + strings.Repeat("x", 1000) + "\"}\n", "[1]", ``, hub.Internal, "more than 1000 bytes"},
		{401, nil, ``, "[]", ``, hub.Unauthenticated, ""},
		{403, nil, ``, "[]", ``, hub.Forbidden, ""},
		{404, jsonType, `{"result":1}`, "[]", ``, hub.Internal, "status 404"},
		{302, nil, ``, "[]", ``, hub.Internal, "status 302"},
		{500, nil, ``, "[]", ``, hub.Internal, "status 500"},
		{502, nil, ``, "[]", ``, hub.Unavailable, "status 502"},
		{599, nil, ``, "[]", ``, hub.Unavailable, "the connection broke"},
	} {
		a := &app{answer: always(test.status, test.body), header: test.kind}
		items, result, err := call(t, a, Options{CallBytes: 1000})
		if fmt.Sprint(items) != test.items || result != test.result {
			t.Errorf("%d %.80s: got %v and %s", test.status, test.body, items, result)
		}
		if test.code == "" && err != nil {
			t.Errorf("%d %.80s: %v", test.status, test.body, err)
		} else if test.code != "" {
			wantError(t, err, test.code, test.cause)
		}
		// It may have begun: it must not be sent twice.
		if a.count() != 1 {
			t.Errorf("%d %.80s: asked %d times", test.status, test.body, a.count())
		}
		const want = `{"args":[1,{"a":"b"}],"claims":{"c":1},"dialect":"native","event":"call","method":"m","name":"app","remote":"192.0.2.1","session":"s1","transport":"websocket","user":"ann"}`
		if got := a.last(); got != want {
			t.Errorf("asked %s\nwant  %s", got, want)
		}
		if accept := a.asked[0].Header.Get("Accept"); !strings.Contains(accept, "ndjson") {
			t.Errorf("the header Accept is %q", accept)
		}
	}
}

func TestCallIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{503, 429} {
			a := &app{answer: func(n int, _ map[string]any) (int, string) {
				if n < 3 {
					return status, ""
				}
				return 200, `{"result":1}`
			}, header: jsonType}
			if _, result, err := call(t, a, Options{}); err != nil || result != "1" || a.count() != 3 {
				t.Errorf("got %s, %v after %d", result, err, a.count())
			}
		}
	})
	// Nobody listens there any more.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String() + "/?key=hidden"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	handler, err := c.Call(gone)
	if err != nil {
		t.Fatal(err)
	}
	_, err = handler(t.Context(), &hub.Call{Method: "m"})
	wantError(t, err, hub.Unavailable, "connection refused")
	var op *net.OpError
	if !errors.As(err, &op) || !untouched(0, err) {
		t.Errorf("%v is not seen to be untouched", err)
	}
}

// Items come while the application is still at it, and it learns when nobody wants any more.
func TestStream(t *testing.T) {
	next, left := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-ndjson")
		for i := 0; ; i++ {
			_, _ = fmt.Fprintf(w, "{\"item\":%d}\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				close(left)
				return
			}
		}
	}))
	defer server.Close()
	c, err := New(Options{Timeout: time.Millisecond}) // which is not that of calls
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	handler, err := c.Call(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	enough := errors.New("enough")
	_, err = handler(t.Context(), &hub.Call{Method: "m", Item: func(v json.RawMessage) error {
		if items = append(items, string(v)); len(items) == 3 {
			return enough
		}
		next <- struct{}{}
		return nil
	}})
	if !errors.Is(err, enough) || !slices.Equal(items, []string{"0", "1", "2"}) {
		t.Errorf("got %v, %v", items, err)
	}
	<-left
	// The caller cancels.
	left = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	_, err = handler(ctx, &hub.Call{Method: "m", Item: func(json.RawMessage) error {
		cancel()
		return nil
	}})
	wantError(t, err, hub.GoingAway, "canceled")
	<-left
}
