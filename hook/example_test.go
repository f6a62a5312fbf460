package hook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hook"
	"github.com/parley-ws/parley/hub"
)

func ExampleClient_Authoriser() {
	secret := []byte("made by openssl rand")
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || hook.Verify(secret, r.Header, body, time.Minute) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"allow": false, "text": "This room is full.", "retry": 30}`)
	}))
	defer application.Close()

	client, err := hook.New(hook.Options{Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	asks, err := client.Authoriser(hook.Questions{Inner: hub.AllowAll{}, Subscribe: application.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = asks.Allow(context.Background(), &hub.Access{Action: hub.ActSubscribe, Topics: broker.Exact("chat/lobby")})
	fmt.Println(err)
	// Output: hub: forbidden: This room is full.
}
