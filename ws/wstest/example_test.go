package wstest_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws/wstest"
)

// A network with faults: what is written arrives 50 ms later and a byte at a time.
func ExamplePipe() {
	a, b := wstest.Pipe(&wstest.PipeOptions{Latency: 50 * time.Millisecond, Chop: 1})
	defer a.Close()
	defer b.Close()

	start := time.Now()
	a.Write([]byte("hello"))
	p := make([]byte, 100)
	n, _ := b.Read(p)
	fmt.Printf("%q, late: %v\n", p[:n], time.Since(start) >= 50*time.Millisecond)

	b.SetReadDeadline(time.Now())
	_, err := b.Read(p)
	fmt.Println(err)
	// Output:
	// "h", late: true
	// read pipe b->a: i/o timeout
}

// A frame that no library would send.
func ExamplePeer() {
	a, b := wstest.Pipe(nil)
	client, server := wstest.ClientPeer(a), wstest.ServerPeer(b)
	defer client.Close()
	defer server.Close()

	frame := wstest.Text("hello")
	frame.WrongMask = true // a client must mask
	frame.LengthForm = 64  // five bytes need seven bits of length
	client.Send(frame)

	got, err := server.Next()
	fmt.Println(got)
	fmt.Println(err)
	// Output:
	// text fin length-form-64 "hello"
	// wstest: illegal frame: a client's frame without a mask
}

// A handshake with something wrong in it.
func ExampleHead() {
	request := wstest.Head{
		Lines:   []string{"Upgrade: h2c", "Origin: https://example.com"},
		Without: []string{"Sec-WebSocket-Version"},
	}.Request()
	fmt.Println(strings.ReplaceAll(string(request), "\r\n", "\n"))
	// Output:
	// GET / HTTP/1.1
	// Host: server.test
	// Connection: Upgrade
	// Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
	// Upgrade: h2c
	// Origin: https://example.com
}
