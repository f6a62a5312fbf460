package ws

import (
	"strings"
	"testing"
)

// browserRequest is what a browser sends.
const browserRequest = "GET /chat?room=7 HTTP/1.1\r\nHost: server.test\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n" +
	"Origin: http://server.test\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// readAndJudged reads a request and makes the answer, as a Server does but for the network.
func readAndJudged(t testing.TB, x *exchange, o *AcceptOptions, request, answer []byte) []byte {
	scanner := headScanner{limit: 8 << 10}
	end, status := scanner.scan(request, 0)
	if end != len(request) || status != 0 {
		t.Fatalf("scan: %d, %d", end, status)
	}
	x.head.reset()
	x.text = string(request[:end])
	if !x.parse(x.text) {
		t.Fatal("not taken")
	}
	agreed, no := x.judge(o)
	if no != nil {
		t.Fatal(no.err)
	}
	return agreed.appendAnswer(answer[:0], &x.opening)
}

// A plain handshake allocates the request's text, which the connection keeps, and nothing else.
func TestServerHeadAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var plain strings.Builder
	for line := range strings.Lines(browserRequest) {
		if !strings.HasPrefix(line, "Origin") && !strings.HasPrefix(line, "Sec-WebSocket-Extensions") {
			plain.WriteString(line)
		}
	}
	request, answer := []byte(plain.String()), make([]byte, 0, 512)
	x := exchanges.New().(*exchange)
	o := &AcceptOptions{}
	if n := testing.AllocsPerRun(100, func() { answer = readAndJudged(t, x, o, request, answer) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkServerHead(b *testing.B) {
	request, answer := []byte(browserRequest), make([]byte, 0, 512)
	x := exchanges.New().(*exchange)
	o := &AcceptOptions{}
	b.ReportAllocs()
	for b.Loop() {
		answer = readAndJudged(b, x, o, request, answer)
	}
}
