package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/ws"
)

// lengths are those at which the form of a frame's length changes (RFC 6455
// §5.2), and the neighbours.
var lengths = []int{0, 1, 125, 126, 127, 65535, 65536}

const mebibyte = 1 << 20

// newRandom makes a source of numbers that are the same in each run.
func newRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// records makes n bytes of text that compresses well: lines of JSON, with
// characters of one to four bytes.
func records(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+100) // not nil, which JSON would tell apart from empty
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, `{"id":%d,"name":"sensor %d","place":"Zürich ✓ 🦜","value":%.3f}`+"\n", i, r.IntN(50), r.Float64())
	}
	b = b[:n]
	for !utf8.Valid(b) {
		b = b[:len(b)-1]
	}
	return append(b, bytes.Repeat([]byte(" "), n-len(b))...)
}

// letters makes n bytes of text that hardly compresses by itself.
func letters(r *rand.Rand, n int) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := noise(r, n)
	for i, c := range b {
		b[i] = alphabet[c%64]
	}
	return b
}

// noise makes n bytes that do not compress.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// battery makes messages of each kind and each of the lengths.
func battery(lengths ...int) []ws.Message {
	r := newRandom()
	var list []ws.Message
	for _, n := range lengths {
		list = append(list,
			ws.Message{Type: ws.Text, Data: records(r, n)},
			ws.Message{Type: ws.Binary, Data: noise(r, n)},
			ws.Message{Type: ws.Binary, Data: records(r, n)},
			ws.Message{Type: ws.Text, Data: letters(r, n)},
		)
	}
	return list
}

// row makes many small messages of changing kinds and lengths.
func row(n int) []ws.Message {
	r := newRandom()
	list := make([]ws.Message, n)
	for i := range list {
		size := 1 + r.IntN(2000)
		switch r.IntN(4) {
		case 0:
			list[i] = ws.Message{Type: ws.Text, Data: letters(r, size)}
		case 1:
			list[i] = ws.Message{Type: ws.Binary, Data: noise(r, size)}
		default:
			list[i] = ws.Message{Type: ws.Text, Data: records(r, size)}
		}
	}
	return list
}

// exchange sends messages to a peer that echoes, and checks what comes back,
// while the next ones are being sent.
func exchange(ctx context.Context, c *ws.Conn, messages []ws.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() {
		var err error
		for i, m := range messages {
			if err = c.Write(ctx, m.Type, m.Data); err != nil {
				err = fmt.Errorf("writing message %d, %s of %d bytes: %w", i, m.Type, len(m.Data), err)
				break
			}
		}
		sent <- err
	}()
	err := receive(ctx, c, messages)
	if err != nil {
		cancel()
		<-sent
		return err
	}
	err = <-sent
	cancel()
	return err
}

// receive checks that exactly these messages come.
func receive(ctx context.Context, c *ws.Conn, want []ws.Message) error {
	i := 0
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return fmt.Errorf("reading message %d, %s of %d bytes: %w", i, want[i].Type, len(want[i].Data), err)
		}
		if err := differ(m, want[i]); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if i++; i == len(want) {
			return nil
		}
	}
	return fmt.Errorf("%d messages came, want %d", i, len(want))
}

// differ says in what a message is not as wanted.
func differ(got, want ws.Message) error {
	if got.Type != want.Type {
		return fmt.Errorf("got %s, want %s", got.Type, want.Type)
	}
	if bytes.Equal(got.Data, want.Data) {
		return nil
	}
	at := 0
	for at < min(len(got.Data), len(want.Data)) && got.Data[at] == want.Data[at] {
		at++
	}
	return fmt.Errorf("got %s of %d bytes, want %d bytes: they differ from byte %d on", got.Type, len(got.Data), len(want.Data), at)
}

func TestPayloads(t *testing.T) {
	r := newRandom()
	for n := range 300 {
		if p := records(r, n); len(p) != n || !utf8.Valid(p) {
			t.Fatalf("records(%d) has %d bytes, valid %t", n, len(p), utf8.Valid(p))
		}
	}
	a := ws.Message{Type: ws.Text, Data: []byte("abc")}
	for _, b := range []ws.Message{
		{Type: ws.Binary, Data: a.Data}, {Type: ws.Text, Data: a.Data[:2]}, {Type: ws.Text, Data: []byte("abd")}, {Type: ws.Text},
	} {
		if differ(a, b) == nil || differ(b, a) == nil {
			t.Errorf("%v and %v do not differ", a, b)
		}
	}
	if err := differ(a, a.Clone()); err != nil {
		t.Error(err)
	}
}
