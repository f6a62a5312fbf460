package ws

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// slowMask is RFC 6455 §5.3 to the letter.
func slowMask(p []byte, key [4]byte) []byte {
	q := make([]byte, len(p))
	for i := range p {
		q[i] = p[i] ^ key[i%4]
	}
	return q
}

func TestMask(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	lengths := []int{1000, 4096, 2*codecPiece - 1, 2 * codecPiece, 2*codecPiece + 1, 5*codecPiece + 3}
	for n := range 600 {
		lengths = append(lengths, n)
	}
	eachPath(func(path string) {
		for _, n := range lengths {
			for offset := range 9 {
				// The bytes before and behind must stay as they are.
				p := make([]byte, offset+n+9)
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				var key [4]byte
				binary.LittleEndian.PutUint32(key[:], rng.Uint32()|1)
				want := bytes.Clone(p)
				copy(want[offset:], slowMask(p[offset:offset+n], key))
				got := bytes.Clone(p)
				cut := offset + rng.IntN(n+1)
				k := mask(got[offset:cut], binary.LittleEndian.Uint32(key[:]))
				mask(got[cut:offset+n], k)
				if !bytes.Equal(got, want) {
					t.Fatalf("%s: %d bytes at offset %d, cut at %d", path, n, offset, cut)
				}
			}
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("hello"), uint32(0x01020304), 2, 1)
	f.Add([]byte("hello"), uint32(0x01020304), 300, 200)
	f.Fuzz(func(t *testing.T, p []byte, key uint32, cut, times int) {
		// Short inputs are repeated, lest the fuzzer have to find long ones.
		p = bytes.Repeat(p, 1+max(0, times)%256)
		var k [4]byte
		binary.LittleEndian.PutUint32(k[:], key)
		want := slowMask(p, k)
		if cut < 0 || cut > len(p) {
			cut = len(p)
		}
		eachPath(func(path string) {
			q := bytes.Clone(p)
			next := mask(q[:cut], key)
			mask(q[cut:], next)
			if !bytes.Equal(q, want) {
				t.Errorf("%s: key %#x, cut %d: %x, want %x", path, key, cut, q, want)
			}
		})
	})
}

func TestMaskKeysAreFresh(t *testing.T) {
	defer func(f func([]byte) (int, error)) { randRead = f }(randRead)
	drawn := uint32(0)
	randRead = func(p []byte) (int, error) {
		for i := 0; i+4 <= len(p); i += 4 {
			drawn++
			binary.LittleEndian.PutUint32(p[i:], drawn)
		}
		return len(p), nil
	}
	// Batches that were filled before go first; each key of the stub may then come once.
	seen := map[uint32]bool{}
	for range 5000 {
		k := newMaskKey()
		if k <= drawn {
			if seen[k] {
				t.Fatalf("key %d was used twice", k)
			}
			seen[k] = true
		}
	}
	if len(seen) < 1000 {
		t.Errorf("only %d keys came from the source of entropy", len(seen))
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 31, 1 << 40} {
		for _, masked := range []bool{false, true} {
			var b [maxHeader]byte
			size := putHeader(b[:], bitFin|opText, n, masked, 0xa1b2c3d4)
			if size != headerSize(n, masked) {
				t.Errorf("length %d: size %d, announced %d", n, size, headerSize(n, masked))
			}
			for cut := range size {
				if _, ok, bad := parseHeader(b[:cut]); ok || bad != "" {
					t.Errorf("length %d: %d of %d bytes: ok %v, %q", n, cut, size, ok, bad)
				}
			}
			h, ok, bad := parseHeader(b[:size])
			if !ok || bad != "" || h.length != uint64(n) || h.masked != masked || masked && h.key != 0xa1b2c3d4 || h.size != size {
				t.Errorf("length %d: %+v, ok %v, %q", n, h, ok, bad)
			}
		}
	}
}

// Every length next to a power of two is either itself or refused; nothing wraps (as in CVE-2020-27813).
func TestHeaderLengths(t *testing.T) {
	for k := range 65 {
		for d := -1; d <= 1; d++ {
			n := uint64(1)<<k + uint64(d)
			if k == 64 {
				n = uint64(d)
			}
			b := []byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0}
			binary.BigEndian.PutUint64(b[2:], n)
			h, ok, bad := parseHeader(b)
			if !ok || h.length != n || (bad == "") != (n >= 1<<16 && n < 1<<63) {
				t.Errorf("length %d: %d, ok %v, %q", n, h.length, ok, bad)
			}
		}
	}
}

func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", "κόσμε", "a\xff", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\x98", "\xe2\x82", "\xc0\xaf", strings.Repeat("é", 40) + "\xf0"} {
		f.Add([]byte(s), 3, 5)
	}
	f.Add([]byte(strings.Repeat("日本語", 60)), 99, 64)
	f.Add([]byte(strings.Repeat("a", 130)+"😀"+strings.Repeat("a", 70)+"\xed\xa0"), 127, 200)
	f.Fuzz(func(t *testing.T, p []byte, a, b int) {
		eachPath(func(path string) {
			if got := validText(p); got != utf8.Valid(p) {
				t.Fatalf("%s: %q: valid %v", path, p, got)
			}
			var s utf8State
			ok := true
			at := 0
			for turn := 0; at < len(p) && ok; turn++ {
				step := max(1, a%256)
				if turn%2 == 1 {
					step = max(1, b%256)
				}
				end := min(len(p), at+step)
				ok = s.push(p[at:end])
				at = end
				if want := mayBecomeValid(p[:at]); ok != want {
					t.Fatalf("%s: after %q: %v, want %v", path, p[:at], ok, want)
				}
			}
			if got := ok && s.complete(); got != utf8.Valid(p) {
				t.Errorf("%s: %q: valid %v in pieces", path, p, got)
			}
		})
	})
}

// mayBecomeValid reports whether something can follow p that makes it valid UTF-8.
func mayBecomeValid(p []byte) bool {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r != utf8.RuneError || n > 1 {
			p = p[n:]
			continue
		}
		if len(p) > 3 {
			return false
		}
		for c := 0x80; c < 0xc0; c++ {
			for d := 0x80; d < 0xc0; d++ {
				for _, tail := range [][]byte{{byte(c)}, {byte(c), byte(d)}, {byte(c), byte(d), 0x80}} {
					if utf8.Valid(append(bytes.Clone(p), tail...)) {
						return true
					}
				}
			}
		}
		return false
	}
	return true
}

func FuzzClosePayload(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3})
	f.Add([]byte("\x03\xe8bye"))
	f.Add([]byte("\x03\xed"))
	f.Add([]byte("\x0b\xb8\xff"))
	f.Fuzz(func(t *testing.T, p []byte) {
		code, reason, bad := parseClosePayload(p)
		if bad != nil {
			if bad.Code != CodeProtocolError && bad.Code != CodeInvalidPayload || bad.Reason == "" {
				t.Errorf("%x: %+v", p, bad)
			}
			return
		}
		if len(p) > 0 && !code.sendable() || !utf8.ValidString(reason) {
			t.Errorf("%x: accepted %d, %q", p, code, reason)
		}
		if len(p) <= maxControl && !bytes.Equal(closePayload(code, reason), p) {
			t.Errorf("%x: encodes as %x", p, closePayload(code, reason))
		}
	})
}

func TestClosePayload(t *testing.T) {
	for _, tc := range []struct {
		code   Code
		reason string
		want   string
	}{
		{1000, "", "\x03\xe8"},
		{CodeNoStatus, "lost", ""},
		{4999, "bye", "\x13\x87bye"},
		{1000, strings.Repeat("x", 200), "\x03\xe8" + strings.Repeat("x", 123)},
		{1000, strings.Repeat("é", 100), "\x03\xe8" + strings.Repeat("é", 61)},
		{1000, "x" + strings.Repeat("é", 100), "\x03\xe8x" + strings.Repeat("é", 61)},
		{1000, strings.Repeat("\U0001f600", 40), "\x03\xe8" + strings.Repeat("\U0001f600", 30)},
		{1000, "a\xffb", "\x03\xe8a\uFFFDb"},
	} {
		if got := string(closePayload(tc.code, tc.reason)); got != tc.want {
			t.Errorf("%d %.20q: %q, want %q", tc.code, tc.reason, got, tc.want)
		}
	}
}
