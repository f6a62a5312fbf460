package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

// reference inflates a message with the standard library, which stops at a block with BFINAL and does not know the end
// of a message: suffix is what is to follow it, up to a block with BFINAL that is the end.
func reference(payload []byte, suffix string) ([]byte, error) {
	in := bytes.NewReader(append(append(bytes.Clone(payload), tail...), suffix...)) // an io.ByteReader: no byte too many is read
	var out []byte
	for {
		p, err := io.ReadAll(flate.NewReaderDict(in, out[max(0, len(out)-maxDistance):]))
		out = append(out, p...)
		if err != nil || in.Len() == 0 {
			return out, err
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{}, uint8(15))
	f.Add([]byte{0}, uint8(8))
	for _, s := range []string{"f2 48 cd c9 c9 07 00", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "f3 48 cd c9 c9 07 00 00",
		"00 05 00 fa ff 48 65 6c 6c 6f 00", "f2 00 11 00 00", "04 00 06 00 f9 ff 41"} {
		f.Add(octets(f, s), uint8(15))
	}
	f.Add(new(Builder).Dynamic(true, Lit("Hello, Hello"), Match(30, 5)).Align().Stored(true, "x").Fixed(false, Match(258, 9)).Sync().Bytes(), uint8(9))
	f.Add(onTheWire(f, 9, nil, samples()["records"][:3000]), uint8(11))
	f.Add(lengthsOf(dynamicHeader(257, 32, plain), sparse(289, map[int]int{'a': 1, 256: 1})).Code(0, 1).Code(1, 1).Sync().Bytes(), uint8(15))
	f.Fuzz(func(t *testing.T, payload []byte, bits uint8) {
		r := &Reader{Bits: minBits + int(bits)%8}
		got, err := r.Message(payload)
		// Two endings, so that a block that should have ended before cannot take both for its data.
		want, wantErr := reference(payload, "\x01\x00\x00\xff\xff")
		if other, err := reference(payload, "\x03\x00"); wantErr == nil && (err != nil || !bytes.Equal(other, want)) {
			wantErr = errors.New("no end")
		}
		var e *Error
		switch {
		case err == nil && wantErr == nil:
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, %d with the standard library", len(got), len(want))
			}
		case err == nil && r.declared > 30: // RFC 1951 allows it, the standard library does not
		case err == nil:
			t.Fatalf("%d bytes, but with the standard library: %v", len(got), wantErr)
		case !errors.As(err, &e) || e.Bit < 0 || e.Bit > 8*(len(payload)+len(tail)):
			t.Fatalf("error %#v", err)
		case e.Kind == Window || e.Kind == Ending || e.Kind == TooLarge: // which the standard library does not know
		case wantErr == nil:
			t.Fatalf("%v, but %d bytes with the standard library", err, len(want))
		}
	})
}

// FuzzBuilder makes a stream of blocks as the input says and what it stands for, and reads it.
func FuzzBuilder(f *testing.F) {
	f.Add([]byte("\x00\x05Hello\x41\x05Hello\x82\x05Hello"), uint8(15))
	f.Add([]byte("\x05abcdefgh\xc5\x00\x01\x02\x03\x04\x05\x06"), uint8(8))
	f.Fuzz(func(t *testing.T, script []byte, bits uint8) {
		window := 1 << (minBits + int(bits)%8)
		var b Builder
		var want []byte
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			c := script[0]
			script = script[1:]
			return int(c)
		}
		most := 0
		for len(script) > 0 && len(want) < 1<<20 {
			op := next()
			final := op&0x20 != 0
			if op&0xc0 == 0 {
				n := min(next(), len(script))
				b.Stored(final, string(script[:n]))
				want = append(want, script[:n]...)
				script = script[n:]
				continue
			}
			var tokens []Token
			for range op & 0x1f {
				n := next()
				if far := min(len(want), window); n&1 == 1 && far > 0 {
					length, distance := minMatch+next(), 1+(next()<<8|next())%far
					tokens = append(tokens, Match(length, distance))
					for range length {
						want = append(want, want[len(want)-distance])
					}
					most = max(most, distance)
					continue
				}
				n = min(n/2, len(script))
				tokens = append(tokens, Lit(string(script[:n])))
				want = append(want, script[:n]...)
				script = script[n:]
			}
			if op&0x40 == 0 {
				b.Fixed(final, tokens...)
			} else {
				b.Dynamic(final, tokens...)
			}
			if final {
				b.Align()
			}
		}
		z := b.Sync().Bytes()
		r := &Reader{Bits: minBits + int(bits)%8}
		got, err := r.Message(z)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d of %d bytes, %v", len(got), len(want), err)
		}
		if r.MaxDistance != most {
			t.Fatalf("largest distance %d, want %d", r.MaxDistance, most)
		}
		if got, err := reference(z, "\x03\x00"); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("standard library: %d of %d bytes, %v", len(got), len(want), err)
		}
	})
}

// FuzzWriter cuts the input into messages, which are to be read with the same window.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("Hello, Hello, Hello, world"), uint16(5), uint8(8), true)
	f.Add(samples()["records"][:3000], uint16(700), uint8(9), true)
	f.Add(samples()["random"][:3000], uint16(3000), uint8(15), false)
	f.Fuzz(func(t *testing.T, data []byte, size uint16, bits uint8, takeover bool) {
		n := minBits + int(bits)%8
		w, r := NewWriter(n, takeover), &Reader{Bits: n, Takeover: takeover}
		for len(data) > 0 {
			p := data[:min(len(data), 1+int(size))]
			data = data[len(p):]
			if got, err := r.Message(w.Message(p)); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("%d of %d bytes, %v", len(got), len(p), err)
			}
		}
	})
}
