package deflate

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// octets reads bytes as RFCs print them, in hexadecimal.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The examples of RFC 7692 §7.2.3.
func TestExamplesOfRFC7692(t *testing.T) {
	for _, c := range []struct {
		name, payload, want string
	}{
		{"7.2.3.1 one block", "f2 48 cd c9 c9 07 00", "Hello"},
		{"7.2.3.3 no compression", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"},
		{"7.2.3.4 BFINAL", "f3 48 cd c9 c9 07 00 00", "Hello"},
		{"7.2.3.5 two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"},
		{"7.2.3.6 empty", "00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []*Reader{{}, {Bits: 8}, {Takeover: true}} {
				got, err := r.Message(octets(t, c.payload))
				if err != nil || string(got) != c.want {
					t.Errorf("%q, %v; want %q", got, err, c.want)
				}
			}
		})
	}
	t.Run("7.2.3.2 sharing the window", func(t *testing.T) {
		messages := []string{"f2 48 cd c9 c9 07 00", "f2 00 11 00 00"}
		with := &Reader{Takeover: true}
		for _, m := range messages {
			if got, err := with.Message(octets(t, m)); err != nil || string(got) != "Hello" {
				t.Errorf("with takeover: %q, %v", got, err)
			}
		}
		if with.Matches != 1 || with.MaxDistance != 5 {
			t.Errorf("%d matches, distance %d; want 1, 5", with.Matches, with.MaxDistance)
		}
		without := &Reader{}
		if got, err := without.Message(octets(t, messages[0])); err != nil || string(got) != "Hello" {
			t.Errorf("without takeover: %q, %v", got, err)
		}
		_, err := without.Message(octets(t, messages[1]))
		wantError(t, err, Window, 11, "distance 5 reaches 4 bytes before the message, and there is no context takeover")
	})
}

// Writer and Builder make the RFC's own bytes where there is one way.
func TestExamplesAreWritten(t *testing.T) {
	w := NewWriter(15, true)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"Writer", w.Message([]byte("Hello")), "f2 48 cd c9 c9 07 00"},
		{"Writer, empty", w.Message(nil), "00"},
		{"fixed", new(Builder).Fixed(false, Lit("Hello")).Sync().Bytes(), "f2 48 cd c9 c9 07 00"},
		{"match", new(Builder).Fixed(false, Lit("H"), Match(4, 5)).Sync().Bytes(), "f2 00 11 00 00"},
		{"stored", new(Builder).Stored(false, "Hello").Sync().Bytes(), "00 05 00 fa ff 48 65 6c 6c 6f 00"},
		{"BFINAL", new(Builder).Fixed(true, Lit("Hello")).Align().Sync().Bytes(), "f3 48 cd c9 c9 07 00 00"},
		{"two blocks", new(Builder).Fixed(false, Lit("He")).Stored(false, "").Fixed(false, Lit("llo")).Sync().Bytes(),
			"f2 48 05 00 00 00 ff ff ca c9 c9 07 00"},
		{"empty", new(Builder).Sync().Bytes(), "00"},
	} {
		if !bytes.Equal(c.got, octets(t, c.want)) {
			t.Errorf("%s: % x, want %s", c.name, c.got, c.want)
		}
	}
}

// wantError checks an error; bit -1 is any.
func wantError(t *testing.T, err error, kind Kind, bit int, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %q", err, text)
	}
	if e.Kind != kind || !strings.Contains(e.Text, text) || bit >= 0 && e.Bit != bit {
		t.Errorf("%v error %q at bit %d; want %v, %q at bit %d", e.Kind, e, e.Bit, kind, text, bit)
	}
}
