package check

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseExtensions(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"a", "a"},
		{" a ;\tb = c , d", "a; b=c|d"},
		{`a; b="c"`, "a; b=c"},
		{`a; b="\c"`, "a; b=c"},
		{", ,a,", "a"},
		{`a; b=""`, "error"},
		{`a; b="c d"`, "error"},
		{`a; b="c`, "error"},
		{"a; b=", "error"},
		{"a;", "error"},
		{"a b", "error"},
		{";a", "error"},
		{"a; =b", "error"},
		{"a/b", "error"},
	} {
		list, err := parseExtensions([]string{tc.in})
		var names []string
		for i := range list {
			names = append(names, list[i].String())
		}
		got := strings.Join(names, "|")
		if err != nil {
			got = "error"
		}
		if got != tc.want {
			t.Errorf("%q: %s (%v), want %s", tc.in, got, err, tc.want)
		}
	}
}

func TestReadHead(t *testing.T) {
	for _, tc := range []struct{ in, wrong string }{
		{"HTTP/1.1 101 Switching Protocols\r\nA: b\r\nC:d \r\n\r\n", ""},
		{"HTTP/1.1 101 \r\nA : b\r\n\r\n", "no token"},
		{"HTTP/1.1 101 \r\nA: b\n\r\n", "without CR"},
		{"HTTP/1.1 101 \r\nA: b\r\n folded\r\n\r\n", "without colon"},
		{"HTTP/1.1 101 \r\nA: b\x01\r\n\r\n", "control character"},
	} {
		h, err := readHead(bufio.NewReader(strings.NewReader(tc.in)))
		switch {
		case err != nil:
			t.Errorf("%q: %v", tc.in, err)
		case tc.wrong == "" && h.wrong != "", !strings.Contains(h.wrong, tc.wrong):
			t.Errorf("%q: wrong is %q, want %q", tc.in, h.wrong, tc.wrong)
		case h.status() != 101 || h.line[:5] != "HTTP/":
			t.Errorf("%q: the status is %d", tc.in, h.status())
		}
	}
	if _, err := readHead(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nA: b"))); err == nil {
		t.Error("a head that is cut has no error")
	}
	if _, err := readHead(bufio.NewReader(strings.NewReader(strings.Repeat("A: b\r\n", maxHead/4)))); err == nil {
		t.Error("a head without end has no error")
	}
	h := &received{fields: []field{{"Connection", "keep-alive , UPGRADE"}}}
	if !h.has("connection", "Upgrade") || h.has("connection", "keep") {
		t.Error("a token of a list is not found, or is found that is not there")
	}
}

func TestJudgeAnswer(t *testing.T) {
	for _, tc := range []struct {
		offered, answered string
		want              string // "" means that the answer is right
	}{
		{"permessage-deflate", "", ""},
		{"permessage-deflate", "permessage-deflate", ""},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", ""},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=10", ""},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=8", ""},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=9", ""},
		{"permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate", ""},
		{"", "permessage-deflate", "not offered"},
		{"x", "x", "not offered"},
		{"permessage-deflate", "permessage-deflate, permessage-deflate", "2 extensions"},
		{"permessage-deflate", "permessage-deflate; client_max_window_bits=10", "not offered"},
		{"permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits", "no value"},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate", "does not stay"},
		{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11", "does not stay"},
		{"permessage-deflate; server_no_context_takeover", "permessage-deflate", "not in the answer"},
		{"permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=15", "valid form"},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=16", "not 8 to 15"},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits=09", "not 8 to 15"},
		{"permessage-deflate", "permessage-deflate; server_max_window_bits", "no value"},
		{"permessage-deflate", "permessage-deflate; x=1", "unknown"},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "twice"},
		{"permessage-deflate", "permessage-deflate; server_no_context_takeover=10", "has a value"},
	} {
		offered, err := parseExtensions([]string{tc.offered})
		if err != nil {
			t.Fatal(err)
		}
		answered, err := parseExtensions([]string{tc.answered})
		if err != nil {
			t.Fatal(err)
		}
		_, err = judgeAnswer(answered, offered)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q to %q: %v, want %q", tc.answered, tc.offered, err, tc.want)
		}
	}
}

// A masked frame is read as what it was.
func TestFrameRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 65535, 65536} {
		for _, client := range []bool{false, true} {
			want := string(fill(FillRandom, n+1).Bytes()[:n])
			f := Frame{Op: OpBinary, Payload: lit(want)}
			events := readAll(f.Append(nil, client), !client)
			if len(events) != 2 || events[0].Kind != SawMessage || string(events[0].Data) != want || events[1].Kind != SawEnd {
				t.Errorf("%d bytes, client %v: %d events", n, client, len(events))
			}
		}
	}
}

// readAll makes events of bytes that a subject sent; client is whether the suite is the client.
func readAll(p []byte, client bool) []Event {
	ours, theirs := net.Pipe()
	defer ours.Close()
	l := newLink(ours, client, &wireLog{start: time.Now()}, time.Second)
	go func() {
		theirs.Write(p) // reading may end before
		theirs.Close()
	}()
	l.listen()
	return l.take()
}

// What was sent wrongly is seen.
func TestViolations(t *testing.T) {
	for _, tc := range []struct {
		name, bytes string
		want        string
	}{
		{"RFC 6455 §5.2 RSV1", "\xc1\x00", "RSV1"},
		{"RFC 6455 §5.2 RSV2", "\xa1\x00", "RSV2"},
		{"RFC 6455 §5.2 RSV3", "\x91\x00", "RSV3"},
		{"RFC 6455 §5.2 opcode 3", "\x83\x00", "reserved"},
		{"RFC 6455 §5.2 opcode 15", "\x8f\x00", "reserved"},
		{"RFC 6455 §5.1 masked", "\x81\x80\x01\x02\x03\x04", "masked"},
		{"RFC 6455 §5.2 16 bits", "\x81\x7e\x00\x7d", "shortest"},
		{"RFC 6455 §5.2 64 bits", "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "shortest"},
		{"RFC 6455 §5.2 large", "\x82\x7f\xff\x00\x00\x00\x00\x00\xff\xff", "bytes"},
		{"RFC 6455 §5.5 fragmented ping", "\x09\x00", "not final"},
		{"RFC 6455 §5.5 large ping", "\x89\x7e\x00\x7e", "125"},
		{"RFC 6455 §5.4 continuation", "\x80\x00", "without a message"},
		{"RFC 6455 §5.4 nested", "\x01\x00\x81\x00", "inside another"},
		{"RFC 6455 §8.1 UTF-8", "\x81\x01\xff", "UTF-8"},
		{"RFC 6455 §5.5.1 one byte", "\x88\x01\x03", "one byte"},
		{"RFC 6455 §7.4.1 1005", "\x88\x02\x03\xed", "1005"},
		{"RFC 6455 §5.5.1 reason", "\x88\x03\x03\xe8\xff", "UTF-8"},
		{"RFC 6455 §5.5.1 data after close", "\x88\x02\x03\xe8\x81\x00", "after its close"},
	} {
		events := readAll([]byte(tc.bytes), true)
		last := events[len(events)-1]
		if last.Kind != SawViolation || !strings.Contains(last.Text, tc.want) {
			t.Errorf("%s: %v, want a violation with %q", tc.name, last.String(), tc.want)
		}
	}
	if events := readAll([]byte("\x81\x01a"), false); events[0].Kind != SawViolation {
		t.Error("RFC 6455 §5.1: a client's frame without mask is no violation")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x05Hello\x89\x00\x88\x02\x03\xe8"), true)
	f.Add([]byte("\x81\x85\x01\x02\x03\x04Hello"), false)
	f.Add([]byte("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), true)
	f.Fuzz(func(t *testing.T, p []byte, client bool) {
		events := readAll(p, client)
		if last := events[len(events)-1]; last.Kind != SawEnd && last.Kind != SawViolation {
			t.Errorf("the last event is %s", last.Kind)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n"))
	f.Add([]byte("GET /?a HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := readHead(bufio.NewReader(bytes.NewReader(p)))
		if err != nil {
			return
		}
		again, err := readHead(bufio.NewReader(strings.NewReader(h.raw)))
		if err != nil || !cmp.Equal(h.fields, again.fields, cmp.AllowUnexported(field{})) {
			t.Errorf("%q is read in two ways: %v", p, err)
		}
		judgeRequest(h, requestTarget(h), "localhost", func(string) bool { return true })
		r := &request{target: "/", host: "localhost", open: &Open{Extensions: []string{permessageDeflate}}, key: newKey()}
		r.judge(h, r.text())
	})
}

func FuzzExtensions(f *testing.F) {
	f.Add(`permessage-deflate; client_max_window_bits="1\0", x; y=z`)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseExtensions([]string{s})
		if err != nil {
			return
		}
		var names []string
		for i := range list {
			names = append(names, list[i].String())
		}
		again, err := parseExtensions([]string{strings.Join(names, ", ")})
		if err != nil || !cmp.Equal(list, again, cmp.AllowUnexported(extension{}, param{})) {
			t.Errorf("%q is read as %q, and that in another way: %v", s, names, err)
		}
	})
}

// Masking keys that do not change are seen: RFC 6455 §5.3.
func TestSameMaskingKey(t *testing.T) {
	f := Frame{Op: OpText, Payload: lit("a"), Mask: MaskZero}
	var same, fresh []byte
	for range 6 {
		same = f.Append(same, true)
		fresh = (&Frame{Op: OpText, Payload: lit("a")}).Append(fresh, true)
	}
	if events := readAll(same, false); events[len(events)-1].Kind != SawViolation {
		t.Error("six frames masked with zeros are no violation")
	}
	if events := readAll(fresh, false); len(events) != 7 {
		t.Errorf("six frames masked as they should be: %v", events[len(events)-1].String())
	}
}
