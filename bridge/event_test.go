package bridge

import (
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestEvents(t *testing.T) {
	for line, want := range map[string]struct {
		typ  ws.Type
		data string
	}{
		`{"data":"ü\n"}`:                {ws.Text, "ü\n"},
		`{"ev":"msg","data":""}`:        {ws.Text, ""},
		`{"b64":"/wA="}`:                {ws.Binary, "\xff\x00"},
		`{"type":"binary","data":"ü"}`:  {ws.Binary, "ü"},
		`{"type":"text","b64":"dQ=="}`:  {ws.Text, "u"},
		`{"v":2,"other":[],"data":"x"}`: {ws.Text, "x"},
	} {
		e, err := parseEvent([]byte(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if typ, data, ok, err := e.message(); !ok || err != nil || typ != want.typ || string(data) != want.data {
			t.Errorf("%s: %v %q %t %v", line, typ, data, ok, err)
		}
	}
	for line, words := range map[string]string{
		`data`:                     "read an event",
		`{}`:                       "either data or b64",
		`{"data":"x","b64":"eA"}`:  "either data or b64",
		`{"data":{}}`:              "read an event",
		`{"b64":"?"}`:              "b64",
		`{"data":"x","type":"xy"}`: `type "xy"`,
	} {
		e, err := parseEvent([]byte(line))
		if err == nil {
			_, _, _, err = e.message()
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", line, err, words)
		}
	}
	// What the bridge writes, it ignores or takes for the same message: cat is an echo.
	for _, e := range []event{newEvent("open", 3), closeEvent(3, &ws.CloseError{Code: 1000})} {
		got, err := parseEvent(e.line())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok, err := got.message(); ok || err != nil {
			t.Errorf("%s is a message: %v", e.line(), err)
		}
	}
	got, err := parseEvent(messageEvent(3, ws.Binary, []byte{0xff}).line())
	if err != nil {
		t.Fatal(err)
	}
	if typ, data, ok, err := got.message(); typ != ws.Binary || string(data) != "\xff" || !ok || err != nil || *got.Conn != 3 {
		t.Errorf("%v %q %t %v", typ, data, ok, err)
	}
	for code, want := range map[ws.Code]ws.Code{0: 1000, 1000: 1000, 1001: 1001, 1005: 1000, 1006: 1000, 1011: 1011, 1015: 1000, 3000: 3000, 4999: 4999, 5000: 1000} {
		if got, _ := (event{Code: code}).closing(); got != want {
			t.Errorf("%d becomes %d, want %d", code, got, want)
		}
	}
}

func TestHistory(t *testing.T) {
	for _, c := range []struct{ most, bytes, adds, want int }{{0, 1000, 5, 0}, {3, 1000, 5, 3}, {10, 2*74 + 1, 5, 2}, {10, 5, 5, 1}, {10, 1000, 5, 5}} {
		h := history{most: c.most, bytes: c.bytes}
		for range c.adds {
			h.add(ws.Prepare(ws.Text, []byte("0123456789")), 10)
		}
		if len(h.all) != c.want {
			t.Errorf("%+v: %d messages", c, len(h.all))
		}
	}
}
