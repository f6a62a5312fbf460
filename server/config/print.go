package config

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Print writes a configuration as TOML, with where each value came from behind it. What it writes loads as the same configuration, but for
// secrets that were written out, and not read from a file: "(set)" stands in their place, which Load refuses, lest a server be started
// without them. withheld are the keys of these, as in auth.hmac_secret and api_key[0].key: they have to be filled in first.
func Print(w io.Writer, cfg *Config) (withheld []string, err error) {
	return write(w, cfg, false)
}

// write is Print; revealing secrets is for tests of the round trip.
func write(w io.Writer, cfg *Config, reveal bool) (withheld []string, err error) {
	out := bufio.NewWriter(w)
	p := printer{cfg: cfg, reveal: reveal, w: out}
	v := reflect.ValueOf(cfg).Elem()
	for i, t := range schema() {
		if i > 0 && !t.list {
			fmt.Fprintf(out, "\n%s\n", t)
		}
		switch {
		case i == 0:
			p.table(t, 0, v)
		case !t.list:
			p.table(t, 0, v.Field(t.field))
		default:
			for j := range v.Field(t.field).Len() {
				fmt.Fprintf(out, "\n%s%s\n", t, p.comment(t.path(j, "")))
				p.table(t, j, v.Field(t.field).Index(j))
			}
		}
	}
	return p.withheld, out.Flush()
}

type printer struct {
	cfg      *Config
	reveal   bool
	w        io.Writer
	withheld []string
}

// comment says where the value of a key came from; of a whole table, nothing if it is the default.
func (p *printer) comment(path string) string {
	source := p.cfg.Source(path)
	if strings.HasSuffix(path, ".") && source == "default" {
		return ""
	}
	return " # " + source
}

// table writes the keys of a table, or of element i of a list.
func (p *printer) table(t *table, i int, v reflect.Value) {
	for _, k := range t.keys {
		path := t.path(i, k.Name)
		line, hidden := p.line(k, path, v.Field(k.field))
		comment := p.comment(path)
		if hidden {
			p.withheld = append(p.withheld, path)
			comment += ", not shown: write it here, or @FILE"
		}
		fmt.Fprintf(p.w, "%-36s%s\n", line, comment)
	}
}

// line is a key with its value; hidden is that a secret was left out of that.
func (p *printer) line(k *Key, path string, v reflect.Value) (line string, hidden bool) {
	if k.typ.Kind() != reflect.Slice {
		text := p.value(v, p.cfg.secrets[secretPath(k, path, 0)], &hidden)
		return k.Name + " = " + text, hidden
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = p.value(v.Index(i), p.cfg.secrets[secretPath(k, path, i)], &hidden)
	}
	return k.Name + " = [" + strings.Join(items, ", ") + "]", hidden
}

// value is a value in TOML. It sets hidden if it left a secret out; ref is where that can be read.
func (p *printer) value(v reflect.Value, ref string, hidden *bool) string {
	secret := func(s Secret) string {
		switch {
		case ref != "":
			return ref
		case p.reveal || s.Empty():
			return s.Reveal()
		}
		*hidden = true
		return redacted
	}
	switch v := v.Interface().(type) {
	case Secret:
		return quote(secret(v))
	case Header:
		return quote(v.Name + ": " + secret(v.Value))
	case time.Duration:
		return quote(durationText(v))
	case fs.FileMode:
		return quote(fmt.Sprintf("%04o", uint32(v)))
	case Size:
		if text := v.String(); text != strconv.FormatInt(int64(v), 10) {
			return quote(text)
		}
		return strconv.FormatInt(int64(v), 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return quote(v)
	case fmt.Stringer:
		return quote(v.String())
	}
	return fmt.Sprint(v.Interface())
}

// durationText is a duration without units that are zero: 5m, not 5m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// quote is a text as a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
