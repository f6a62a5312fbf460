package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. It is written as 65536, "64KiB" or "64KB".
type Size int64

// units are those of sizes, the powers of 1024 by size downwards.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

// String returns s with the largest unit of 1024 that divides it.
func (s Size) String() string {
	for _, u := range units[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseSize is the inverse of String; it knows B, KB, MB and GB as well.
func ParseSize(s string) (Size, error) {
	number, factor := s, int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = strings.TrimRight(n, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no size: write one as 65536, 64KiB or 1MiB", s)
	}
	if int64(n) > math.MaxInt64/factor {
		return 0, fmt.Errorf("%.40q is more than there is: write a size as 65536, 64KiB or 1MiB", s)
	}
	return Size(int64(n) * factor), nil
}

// Secret is a text that must not be seen. Whatever prints or logs one writes "(set)"; Reveal returns it.
type Secret struct{ text string }

// redacted is written in place of a secret.
const redacted = "(set)"

// NewSecret returns the secret that holds text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is none.
func (s Secret) Empty() bool { return s.text == "" }

// String returns "(set)", or nothing if there is no secret.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb is: %x and %#v would show the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns what String returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Header is a header line that is sent to an application.
type Header struct {
	// Name is its name.
	Name string
	// Value is its value, which may be a token.
	Value Secret
}

// String returns the name and a redacted value.
func (h Header) String() string { return h.Name + ": " + h.Value.String() }

// The types of values, beside those of package reflect.
var (
	typeDuration = reflect.TypeFor[time.Duration]()
	typeSize     = reflect.TypeFor[Size]()
	typeMode     = reflect.TypeFor[fs.FileMode]()
	typeSecret   = reflect.TypeFor[Secret]()
	typePrefix   = reflect.TypeFor[netip.Prefix]()
	typeHeader   = reflect.TypeFor[Header]()
)
