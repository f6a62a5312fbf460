package check

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// careless answers handshakes with the first subprotocol as it came, takes a body for frames, echoes frames of up to 125
// bytes and never ends a TCP connection.
func careless(conn net.Conn) {
	br := bufio.NewReader(conn)
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		c, err := br.ReadByte()
		if err != nil {
			return
		}
		head.WriteByte(c)
	}
	sent := sentFields(head.String())
	protocol := ""
	if p := sent.all("Sec-WebSocket-Protocol"); len(p) > 0 {
		protocol = "Sec-WebSocket-Protocol: " + p[0] + "\r\n"
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		acceptOf(sent.all("Sec-WebSocket-Key")[0]), protocol)
	for {
		var header [6]byte
		if _, err := io.ReadFull(br, header[:]); err != nil {
			return
		}
		payload := make([]byte, header[1]&0x7f)
		if _, err := io.ReadFull(br, payload); err != nil {
			return
		}
		for i := range payload {
			payload[i] ^= header[2+i%4]
		}
		conn.Write(append([]byte{header[0], byte(len(payload))}, payload...))
	}
}

func TestCarelessServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			serving.Go(func() { careless(conn) })
		}
	})
	defer serving.Wait()
	defer func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range conns {
			conn.Close()
		}
	}()
	want := map[string]Verdict{
		"close.tcp.answered":          Fail, // the connection stays open
		"attack.body.length":          NonStrict,
		"attack.inject.protocol-lf":   Fail,
		"attack.inject.protocol-cr":   Fail,
		"attack.inject.origin-lf":     OK, // it reflects only subprotocols
		"attack.body.length-negative": Fail,
		"attack.bytes.value-nul":      Informational,
	}
	target := Target{URL: "ws://" + l.Addr().String() + "/", Timeout: time.Second}
	for id := range want {
		target.Cases = append(target.Cases, id)
	}
	report, err := Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Verdict != want[r.ID] {
			t.Errorf("%s: %s (%s), not %s\n%s", r.ID, r.Verdict, r.Text, want[r.ID], wireText(r.Wire))
		}
	}
	if len(report.Results) != len(target.Cases) {
		t.Errorf("%d cases ran, not %d", len(report.Results), len(target.Cases))
	}
}
