package native

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/hub"
)

// everything takes out of a command whatever any operation would.
func everything(c *command) {
	for _, take := range []func(){
		func() { c.filter() },
		func() { c.since() },
		func() { c.positions() },
		func() { c.message() },
		func() { c.number(fHistory, 0, 0) },
		func() { c.number(fLimit, 0, 0) },
		func() { c.number(fWait, 0, 0) },
		func() { c.flag(fPresence, false) },
		func() { c.need(fMethod) },
		func() { c.need(fToken) },
		func() { c.str(fName) },
		func() { c.json(fMeta) },
		func() { c.json(fArgs) },
		func() { integer(c.raw[fCall]) },
	} {
		c.err = nil
		take()
	}
}

// Whatever comes in, there is no panic; the scanner and encoding/json agree about what is JSON; every error is a bad_request with a text; and
// what is allocated is bounded by what came in.
func FuzzCommand(f *testing.F) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if _, frame, ok := strings.Cut(line, "> "); ok {
				f.Add([]byte(frame))
			}
		}
	}
	f.Add([]byte(`{"type":"subscribe","pattern":"a/*","positions":{"a/b":"x:1"},"x":[[[{"y":"\ud800\u00e4"}]]]}`))
	f.Add([]byte(`{"type":"ping","x":"\ud83d\ude00\ud83d","\ude00":"\ud83d\u0041\ud83d\ud83d\ude00"}`))
	f.Add([]byte(`[1e5,-0.5E-7,true,false,null,"\"\\\/\b\f\n\r\t"]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) || len(body) > 1<<20 {
			t.Skip() // refused before
		}
		const depth = 64
		s := scanner{p: body, depth: depth}
		_, bad := s.value(0)
		if bad == nil {
			if s.peek(); s.i < len(body) {
				bad = s.malformed()
			}
		}
		deep := bad != nil && strings.HasPrefix(bad.Text, "the JSON is nested deeper")
		if valid := json.Valid(body); valid != (bad == nil) && !deep {
			t.Errorf("encoding/json says %v, we say %v", valid, bad)
		}
		if replaced := bytes.ContainsRune(body, utf8.RuneError) || bytes.Contains(bytes.ToLower(body), []byte(`\ufffd`)); bad == nil && !replaced {
			if lossy := lossy(body); lossy != (s.half > 0) {
				t.Errorf("encoding/json replaces half a surrogate pair: %t; we found one: %t", lossy, s.half > 0)
			}
		}

		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		before := stats.TotalAlloc
		r := reader{scanner: scanner{p: body, depth: depth}, most: 1000}
		var c command
		count := 0
		for {
			ok, err := r.next(&c)
			if err != nil {
				check(t, err)
			}
			if err != nil || !ok {
				break
			}
			if c.err != nil {
				check(t, c.err)
			}
			count++
			everything(&c)
			if c.err != nil {
				check(t, c.err)
			}
		}
		runtime.ReadMemStats(&stats)
		// Positions are what costs most: an entry of ten bytes takes up to some hundred in a map. The errors of everything have their own share.
		if most, got := uint64(64<<10+64*len(body)+16<<10*count), stats.TotalAlloc-before; got > most {
			t.Errorf("%d bytes in made us allocate %d", len(body), got)
		}
	})
}

// lossy reports whether encoding/json puts U+FFFD into a string of a JSON text that has none.
func lossy(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok && strings.ContainsRune(s, utf8.RuneError) {
			return true
		}
	}
}

func check(t *testing.T, e *hub.Error) {
	t.Helper()
	if e.Code != hub.BadRequest || e.Text == "" || e.Retry {
		t.Errorf("an error that nobody has documented: %+v", e)
	}
	if frame := errorFrame(1, e); !json.Valid(frame) {
		t.Errorf("no JSON: %s", frame)
	}
}
