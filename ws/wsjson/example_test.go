package wsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wsjson"
	"github.com/parley-ws/parley/ws/wstest"
)

type order struct {
	Item  string
	Count int
}

func Example() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{}) // in a program: ws.Dial, ws.Accept
	served := make(chan error)
	go func() {
		for o, err := range wsjson.Messages[order](ctx, server) {
			if err != nil {
				served <- err
				return
			}
			wsjson.Write(ctx, server, fmt.Sprintf("%d × %s ordered", o.Count, o.Item))
		}
		served <- nil
	}()

	wsjson.Write(ctx, client, order{"tea", 2})
	answer, err := wsjson.Read[string](ctx, client)
	fmt.Println(answer, err)
	client.Close(ctx, ws.CodeNormal, "")
	fmt.Println(<-served)
	// Output:
	// 2 × tea ordered <nil>
	// <nil>
}

// What is not JSON ends the connection, and the error says why.
func ExampleRead() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	go func() {
		client.Write(ctx, ws.Text, []byte(`{"Item": tea}`))
		client.Read(ctx) // answers the close frame
	}()

	_, err := wsjson.Read[order](ctx, server)
	fmt.Println(ws.CloseCode(err))
	var syntax *json.SyntaxError
	fmt.Println(errors.As(err, &syntax), syntax)
	// Output:
	// 1007 (invalid payload)
	// true invalid character 'e' in literal true (expecting 'r')
}

func ExampleMessages() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	go func() {
		wsjson.Write(ctx, client, order{"tea", 2})
		wsjson.Write(ctx, client, order{"milk", 1})
		client.Close(ctx, ws.CodeNormal, "that is all")
	}()

	for o, err := range wsjson.Messages[order](ctx, server) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.Count, o.Item)
	}
	// Output:
	// 2 tea
	// 1 milk
}

func ExampleWrite() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()

	go wsjson.Write(ctx, server, order{"tea", 2})
	_, data, err := client.Read(ctx)
	fmt.Println(string(data), err)
	// Output: {"Item":"tea","Count":2} <nil>
}
