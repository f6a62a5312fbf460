package ws_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// Read in a loop until the connection ends; the error says how it did.
func ExampleConn_Read() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{}) // in a program: ws.Dial, ws.Accept
	defer client.CloseNow()
	go func() {
		defer server.CloseNow()
		if err := server.Write(ctx, ws.Text, []byte("Grüezi")); err != nil {
			log.Print(err)
			return
		}
		if err := server.Close(ctx, ws.CodeNormal, "that is all"); err != nil {
			log.Print(err)
		}
	}()

	for {
		t, data, err := client.Read(ctx)
		if err != nil {
			var end *ws.CloseError
			if errors.As(err, &end) && end.Code == ws.CodeNormal {
				fmt.Println("closed:", end.Reason)
			} else {
				log.Print(err)
			}
			return
		}
		fmt.Println(t, string(data)) // data is ours to keep
	}
	// Output:
	// text Grüezi
	// closed: that is all
}

// A read whose context ends loses nothing: the next one goes on where it stood.
func ExampleConn_Read_timeout() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()

	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, _, err := client.Read(soon)
	fmt.Println("nothing yet:", errors.Is(err, context.DeadlineExceeded))

	if err := server.Write(ctx, ws.Text, []byte("here I am")); err != nil {
		log.Print(err)
		return
	}
	_, data, err := client.Read(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(string(data))
	// Output:
	// nothing yet: true
	// here I am
}

// Reader streams a message, here line by line, without holding it as a whole. Writer sends one the same way.
func ExampleConn_Reader() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()
	go func() {
		if err := server.Write(ctx, ws.Text, []byte("one\ntwo\nthree\n")); err != nil {
			log.Print(err)
		}
	}()

	t, r, err := client.Reader(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	if t != ws.Text {
		log.Printf("unexpected %s message", t)
		return
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	if err := lines.Err(); err != nil {
		log.Print(err)
	}
	// Output:
	// one
	// two
	// three
}

// Messages is the loop for most programs. It ends silently when the connection ends in the ordinary way. What it lends
// must be cloned to be kept.
func ExampleConn_Messages() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer server.CloseNow()
	go func() {
		defer client.CloseNow()
		for _, name := range []string{"Ada", "Grace"} {
			if err := client.Write(ctx, ws.Text, []byte(name)); err != nil {
				log.Print(err)
				return
			}
		}
		if err := client.Close(ctx, ws.CodeNormal, ""); err != nil {
			log.Print(err)
		}
	}()

	receive := func(c *ws.Conn) (all []ws.Message, err error) {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return nil, err
			}
			all = append(all, m.Clone())
		}
		return all, nil
	}
	all, err := receive(server)
	if err != nil {
		log.Print(err)
		return
	}
	for _, m := range all {
		fmt.Printf("%s: %s\n", m.Type, m.Data)
	}
	// Output:
	// text: Ada
	// text: Grace
}

// Run calls a function with each message: the fastest way to read, here for an echo server.
func ExampleConn_Run() {
	echo := func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{
			Message: func(c *ws.Conn, t ws.Type, p []byte) error {
				return c.Write(c.Context(), t, p) // p is lent until we return
			},
		})
	}
	server := httptest.NewServer(ws.Handler{Handle: echo})
	defer server.Close()

	talk := func(ctx context.Context) error {
		c, err := ws.Dial(ctx, server.URL, nil)
		if err != nil {
			return err
		}
		defer c.CloseNow()
		if err := c.Write(ctx, ws.Text, []byte("hello")); err != nil {
			return err
		}
		_, reply, err := c.Read(ctx)
		if err != nil {
			return err
		}
		fmt.Println(string(reply))
		return c.Close(ctx, ws.CodeNormal, "")
	}
	if err := talk(context.Background()); err != nil {
		log.Print(err)
	}
	// Output: hello
}

// Any goroutine may write at any time, without a lock or a goroutine that does nothing but write.
func ExampleConn_Write() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()

	var writers sync.WaitGroup
	for _, name := range []string{"Ada", "Grace", "Hedy"} {
		writers.Go(func() {
			if err := server.Write(ctx, ws.Text, []byte("hello, "+name)); err != nil {
				log.Print(err)
			}
		})
	}

	var got []string
	for range 3 {
		_, data, err := client.Read(ctx)
		if err != nil {
			log.Print(err)
			return
		}
		got = append(got, string(data))
	}
	writers.Wait()
	slices.Sort(got)
	fmt.Println(got)
	// Output: [hello, Ada hello, Grace hello, Hedy]
}

// Writer is an io.Writer for one message, which travels in fragments while it is written. Close finishes it.
func ExampleConn_Writer() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()

	send := func(c *ws.Conn, rows int) error {
		w, err := c.Writer(ctx, ws.Text)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(w)
		for i := range rows {
			if err := enc.Encode(map[string]int{"row": i}); err != nil {
				c.CloseNow() // a part of a message cannot be taken back
				return err
			}
		}
		return w.Close()
	}
	go func() {
		if err := send(server, 3); err != nil {
			log.Print(err)
		}
	}()

	_, data, err := client.Read(ctx)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Print(string(data))
	// Output:
	// {"row":0}
	// {"row":1}
	// {"row":2}
}

// A message for many connections is encoded, and compressed, once.
func ExampleConn_WritePrepared() {
	ctx := context.Background()
	var clients, servers []*ws.Conn
	for range 3 {
		client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
		defer client.CloseNow()
		defer server.CloseNow()
		clients, servers = append(clients, client), append(servers, server)
	}

	m := ws.Prepare(ws.Text, []byte("lunch is ready"))
	for _, c := range servers {
		if err := c.WritePrepared(ctx, m); err != nil {
			log.Print(err)
			return
		}
	}

	for i, c := range clients {
		_, data, err := c.Read(ctx)
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(i, string(data))
	}
	// Output:
	// 0 lunch is ready
	// 1 lunch is ready
	// 2 lunch is ready
}

// A broadcast that no slow reader holds up: who has too much waiting is let go, and comes back when it can.
func ExamplePrepare() {
	ctx := context.Background()
	client, member := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	idle, slow := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{Options: ws.Options{QueueLimit: 32 << 10}})
	defer idle.CloseNow() // it never reads

	room := map[*ws.Conn]string{member: "member", slow: "slow"}
	broadcast := func(m *ws.Prepared) {
		for c, name := range room {
			err := c.TryWritePrepared(m)
			if errors.Is(err, ws.ErrSlowConsumer) {
				fmt.Println("let go:", name)
			} else if err != nil {
				fmt.Println("gone:", name)
			} else {
				continue
			}
			delete(room, c)
			c.CloseNow()
		}
	}
	large := ws.Prepare(ws.Binary, make([]byte, 32<<10))
	for len(room) == 2 {
		broadcast(large)
		if _, _, err := client.Read(ctx); err != nil { // the member reads all that comes
			log.Print(err)
			return
		}
	}
	fmt.Println("still here:", room[member])
	member.CloseNow()
	// Output:
	// let go: slow
	// still here: member
}
