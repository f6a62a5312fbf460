package native_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
)

// malformed are frames that are wrong, and the text of the error for each. re is the id that the answer has; those that are fatal end the
// session with 4400. docs/protocol.md has the texts.
var malformed = []struct {
	frame string
	re    int
	text  string
	fatal bool
}{
	// What is no JSON, and what is none of the JSON that is expected.
	{"", 0, "there is no command: a JSON object was expected", true},
	{" \n", 0, "there is no command: a JSON object was expected", true},
	{"{", 0, "malformed JSON: it ends too early, at byte 1", true},
	{`{"type":"ping"`, 0, "malformed JSON: it ends too early, at byte 14", true},
	{`{"type":"ping",}`, 0, "malformed JSON at byte 15", true},
	{`{type:"ping"}`, 0, "malformed JSON at byte 1", true},
	{`{"type":"ping"}}`, 0, "malformed JSON at byte 15", true},
	{`{"type":"ping"} x`, 0, "malformed JSON at byte 16", true},
	{`{"type":'ping'}`, 0, "malformed JSON at byte 8", true},
	{`{"type":"ping","id":01}`, 0, "malformed JSON at byte 21", true},
	{`{"type":"ping","id":+1}`, 0, "malformed JSON at byte 20", true},
	{`{"type":"ping","id":1.}`, 0, "malformed JSON at byte 22", true},
	{`{"type":"ping","x":nul}`, 0, "malformed JSON at byte 22", true},
	{`{"type":"ping","x":NaN}`, 0, "malformed JSON at byte 19", true},
	{`{"type":"pi\ng"`, 0, "malformed JSON: it ends too early, at byte 15", true},
	{"{\"type\":\"pi\ng\"}", 0, "malformed JSON at byte 11", true},
	{`{"type":"pi\qg"}`, 0, "malformed JSON at byte 12", true},
	{`{"type":"\u12g4"}`, 0, "malformed JSON at byte 13", true},
	{"\ufeff{\"type\":\"ping\"}", 0, "malformed JSON at byte 0", true},
	{`[{"type":"ping"}`, 0, "malformed JSON: it ends too early, at byte 16", true},
	{`[{"type":"ping"},]`, 0, "malformed JSON at byte 17", true},
	{`[]`, 0, "there is no command: a JSON object was expected", true},
	{" [ ]\n", 0, "there is no command: a JSON object was expected", true},
	{`[] {}`, 0, "malformed JSON at byte 3", true},
	{`null`, 0, "a command must be a JSON object", true},
	{`"ping"`, 0, "a command must be a JSON object", true},
	{`[1]`, 0, "a command must be a JSON object", true},
	{`[[{"type":"ping"}]]`, 0, "a command must be a JSON object", true},
	{`{"type":"ping","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, 0, "the JSON is nested deeper than 64 levels", true},
	{strings.Repeat(`{"type":"ping"}`, 1001), 0, "more than 1000 commands came together: send fewer at once", true},
	{"binary {}", 0, "a frame must be text", true},

	// The members that every command has.
	{`{}`, 0, `"type" is missing`, false},
	{`{"id":7}`, 7, `"type" is missing`, false},
	{`{"type":5,"id":7}`, 7, `"type" must be a string`, false},
	{`{"type":null,"id":7}`, 7, `"type" must be a string`, false},
	{`{"type":"dance","id":7}`, 7, `unknown type "dance"`, false},
	{`{"type":"","id":7}`, 7, `unknown type ""`, false},
	{`{"type":"Ping","id":7}`, 7, `unknown type "Ping"`, false},
	{`{"type":"ping","type":"ping","id":7}`, 7, `"type" is there twice`, false},
	{`{"type":"ping","\u0074ype":"ping","id":7}`, 7, `"type" is there twice`, false},
	{`{"type":"ping","id":7,"id":8}`, 0, `"id" is there twice`, false},
	{`{"type":"subscribe","id":7,"topic":"\ud800"}`, 7, "half a surrogate pair at byte 36: it is no text", false},
	{`{"type":"subscribe","id":7,"topic":"\udc00\ud800"}`, 7, "half a surrogate pair at byte 36: it is no text", false},
	{`{"type":"subscribe","id":7,"topic":"\ud83d\uDE00\uDBFFx"}`, 7, "half a surrogate pair at byte 48: it is no text", false},
	{`{"type":"subscribe","id":7,"topic":"\ud83d\u0041"}`, 7, "half a surrogate pair at byte 36: it is no text", false},
	{`{"type":"subscribe","id":7,"topic":"\uD83D\uD83D\ude00"}`, 7, "half a surrogate pair at byte 36: it is no text", false},
	{`{"type":"publish","id":7,"topic":"a","data":{"\udfff":["\n"]}}`, 7, "half a surrogate pair at byte 46: it is no text", false},
	{`{"id":7,"\ud800type":"ping"}`, 7, "half a surrogate pair at byte 9: it is no text", false},
	{`{"type":"ping","id":7,"x":"\ud800\u12"}`, 0, "malformed JSON at byte 37", true},
	{`{"type":"ping","id":0}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":-1}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":1.0}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":1e3}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":"7"}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":null}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},
	{`{"type":"ping","id":9007199254740992}`, 0, `"id" must be an integer from 1 to 9007199254740991`, false},

	// Topics, patterns, prefixes.
	{`{"type":"subscribe","id":7}`, 7, `one of "topic", "pattern" and "prefix" must be there`, false},
	{`{"type":"subscribe","id":7,"topic":"a","prefix":"a"}`, 7, `one of "topic", "pattern" and "prefix" must be there`, false},
	{`{"type":"subscribe","id":7,"topic":5}`, 7, `"topic" must be a string`, false},
	{`{"type":"subscribe","id":7,"topic":["a"]}`, 7, `"topic" must be a string`, false},
	{`{"type":"subscribe","id":7,"topic":null}`, 7, `"topic" must be a string`, false},
	{`{"type":"subscribe","id":7,"topic":""}`, 7, `"topic": the name of a topic is empty`, false},
	{`{"type":"subscribe","id":7,"topic":"` + strings.Repeat("a", 256) + `"}`, 7,
		`"topic": the name of a topic has 256 bytes: at most 255 are allowed`, false},
	{`{"type":"subscribe","id":7,"prefix":"` + strings.Repeat("a", 256) + `"}`, 7,
		`"prefix": a prefix has 256 bytes: at most 255 are allowed`, false},
	{`{"type":"subscribe","id":7,"pattern":"a*"}`, 7,
		`"pattern": pattern "a*": a star may only be the whole last part: a/* is one level, a/** a subtree`, false},
	{`{"type":"subscribe","id":7,"pattern":"*/a"}`, 7,
		`"pattern": pattern "*/a": a star may only be the whole last part: a/* is one level, a/** a subtree`, false},
	{`{"type":"subscribe","id":7,"pattern":"/*"}`, 7,
		`"pattern": pattern "/*": nothing stands before the slash: * and ** mean everything`, false},
	{`{"type":"unsubscribe","id":7}`, 7, `one of "topic", "pattern" and "prefix" must be there`, false},

	// How to subscribe.
	{`{"type":"subscribe","id":7,"topic":"a","since":5}`, 7, `"since" must be a string`, false},
	{`{"type":"subscribe","id":7,"topic":"a","since":""}`, 7, `"since" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"topic":"a","since":"x"}`, 7, `"since" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"topic":"a","since":"x:-1"}`, 7, `"since" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"topic":"a","since":"x:01"}`, 7, `"since" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"topic":"a","since":"x:18446744073709551616"}`, 7, `"since" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"topic":"a","positions":{}}`, 7, `a topic is resumed with "since", not "positions"`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","since":"x:1"}`, 7, `a pattern or prefix is resumed with "positions", not "since"`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","positions":["x:1"]}`, 7, `"positions" must be an object of strings`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","positions":{"a/b":1}}`, 7, `"positions" must be an object of strings`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","positions":{"a/b":"x"}}`, 7, `"positions" must be a position as it was received, EPOCH:OFFSET`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","positions":{"b":"x:1"}}`, 7, `a position is given for a topic that the pattern does not match`, false},
	{`{"type":"subscribe","id":7,"topic":"a","history":-1}`, 7, `"history" must be an integer from 0 to 2147483647`, false},
	{`{"type":"subscribe","id":7,"topic":"a","history":2147483648}`, 7, `"history" must be an integer from 0 to 2147483647`, false},
	{`{"type":"subscribe","id":7,"topic":"a","history":"5"}`, 7, `"history" must be an integer from 0 to 2147483647`, false},
	{`{"type":"subscribe","id":7,"pattern":"a/*","history":5}`, 7, `"history" is for one topic`, false},
	{`{"type":"subscribe","id":7,"topic":"a","presence":1}`, 7, `"presence" must be true or false`, false},

	// Publishing.
	{`{"type":"publish","id":7,"data":1}`, 7, `"topic" is missing`, false},
	{`{"type":"publish","id":7,"topic":"a"}`, 7, `one of "data", "text" and "b64" must be there`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"text":"x"}`, 7, `one of "data", "text" and "b64" must be there`, false},
	{`{"type":"publish","id":7,"topic":"a","text":1}`, 7, `"text" must be a string`, false},
	{`{"type":"publish","id":7,"topic":"a","b64":"A"}`, 7, `"b64" must be base64 with padding (RFC 4648, section 4)`, false},
	{`{"type":"publish","id":7,"topic":"a","b64":"AB=="}`, 7, `"b64" must be base64 with padding (RFC 4648, section 4)`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"echo":"no"}`, 7, `"echo" must be true or false`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"mid":5}`, 7, `"mid" must be a string`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"mid":"` + strings.Repeat("m", 129) + `"}`, 7,
		`the id of the message must be UTF-8 and have at most 128 bytes`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"producer":"` + strings.Repeat("m", 129) + `"}`, 7,
		`the producer's name must be UTF-8 and have at most 128 bytes`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"headers":[]}`, 7, `"headers" must be an object of strings`, false},
	{`{"type":"publish","id":7,"topic":"a","data":1,"headers":{"a":null}}`, 7, `"headers" must be an object of strings`, false},

	// The others.
	{`{"type":"history","id":7}`, 7, `"topic" is missing`, false},
	{`{"type":"history","id":7,"topic":"a","limit":-5}`, 7, `"limit" must be an integer from 0 to 2147483647`, false},
	{`{"type":"members","id":7,"topic":{}}`, 7, `"topic" must be a string`, false},
	{`{"type":"enter","id":7,"topic":"a","meta":5}`, 7, `what a member says about itself must be a JSON object`, false},
	{`{"type":"leave","id":7}`, 7, `"topic" is missing`, false},
	{`{"type":"call","id":7}`, 7, `"method" is missing`, false},
	{`{"type":"call","id":7,"method":""}`, 7, `the name of a method has 1 to 255 bytes`, false},
	{`{"type":"call","method":"add"}`, 0, `a call needs an "id"`, false},
	{`{"type":"cancel","id":7}`, 7, `"call" must be the id of a call`, false},
	{`{"type":"cancel","id":7,"call":"7"}`, 7, `"call" must be the id of a call`, false},
	{`{"type":"refresh","id":7}`, 7, `"token" is missing`, false},
	{`{"type":"refresh","id":7,"token":true}`, 7, `"token" must be a string`, false},
	{`{"type":"connect","id":7}`, 7, `the session is connected already`, false},
}

// before are frames that are wrong as the first of a connection. All are fatal.
var before = []struct {
	frame string
	re    int
	text  string
}{
	{`{`, 0, "malformed JSON: it ends too early, at byte 1"},
	{`{"type":"ping","id":7}`, 7, "the first command must be connect"},
	{`{"id":7}`, 7, `"type" is missing`},
	{`{"type":"connect","id":-7}`, 0, `"id" must be an integer from 1 to 9007199254740991`},
	{`{"type":"connect","id":7,"token":"\ud800"}`, 7, "half a surrogate pair at byte 34: it is no text"},
	{`{"type":"connect","id":7,"token":5}`, 7, `"token" must be a string`},
	{`{"type":"connect","id":7,"name":{}}`, 7, `"name" must be a string`},
	{`{"type":"connect","id":7,"version":1}`, 7, `"version" must be a string`},
	{`{"type":"connect","id":7,"wait_ms":-1}`, 7, `"wait_ms" must be an integer from 0 to 2147483647`},
	{`{"type":"connect","id":7,"name":"` + strings.Repeat("n", 256) + `"}`, 7, `"name" and "version" have at most 255 bytes`},
}

type reply struct {
	Type  string
	Re    int
	Error struct {
		Code, Text string
		Retry      bool
	}
}

// expect checks that the next frame of a client is this error.
func expect(t *testing.T, c client, re int, text string, fatal bool) {
	t.Helper()
	frame := c.receive(patience)
	for frame == `{"type":"pong"}` { // what stands before the fault was carried out
		frame = c.receive(patience)
	}
	var r reply
	if err := json.Unmarshal([]byte(frame), &r); err != nil {
		t.Fatalf("%v: %s", err, frame)
	}
	if r.Type != "error" || r.Re != re || r.Error.Code != "bad_request" || r.Error.Text != text || r.Error.Retry {
		t.Errorf("got %s\nwant bad_request %q in answer to %d", frame, text, re)
	}
	if !fatal {
		return
	}
	want := "closed 4400 bad_request: " + text
	if len(want) > len("closed 4400 ")+123 {
		want = want[:len("closed 4400 ")+123]
	}
	if got := c.receive(patience); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestMalformedFrames(t *testing.T) {
	h := serve(t, hub.Options{Limits: hub.Limits{Rate: -1}}, native.Options{})
	var c client
	for _, m := range malformed {
		if c == nil {
			c = newClient(t, h, "")
			c.send(t, `{"type":"connect"}`)
			c.receive(patience)
		}
		c.send(t, m.frame)
		expect(t, c, m.re, m.text, m.fatal)
		if m.fatal {
			c = nil
		}
		if t.Failed() {
			t.Fatalf("the frame was %.200q", m.frame)
		}
	}
	for _, m := range before {
		c := newClient(t, h, "")
		c.send(t, m.frame)
		expect(t, c, m.re, m.text, true)
		if t.Failed() {
			t.Fatalf("the first frame was %.200q", m.frame)
		}
	}
}

// The documentation has each of the texts, with the numbers as they are by default.
func TestMalformedDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	known := strings.NewReplacer(`\|`, "|").Replace(string(page))
	for _, m := range malformed {
		text := m.text
		for _, exact := range []string{"malformed JSON at byte", "malformed JSON: it ends too early, at byte", "half a surrogate pair at byte", `unknown type "`, `"pattern": pattern "`} {
			if strings.HasPrefix(text, exact) {
				text = exact
			}
		}
		if name, rest, ok := strings.Cut(text, `" must be`); ok && strings.HasPrefix(name, `"`) {
			text = `" must be` + rest // of several members
		} else if name, rest, ok := strings.Cut(text, `" is`); ok && strings.HasPrefix(name, `"`) {
			text = `" is` + rest
		}
		text = strings.NewReplacer("has 256 bytes", "has N bytes").Replace(text)
		if !strings.Contains(known, text) {
			t.Errorf("docs/protocol.md does not have the error %q", text)
		}
	}
}
