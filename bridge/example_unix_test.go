//go:build unix

package bridge_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/ws"
)

// A command is an http.Handler.
func ExampleNew() {
	h, err := bridge.New(bridge.Options{Command: []string{"cat"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(h)
	defer server.Close()
	defer h.Shutdown(context.Background())

	ctx := context.Background()
	c, err := ws.Dial(ctx, strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Write(ctx, ws.Text, []byte("hello"))
	_, reply, err := c.Read(ctx)
	fmt.Println(string(reply), err)
	// Output: hello <nil>
}
