package interop

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Expressions about the page.
const (
	stateText = `document.querySelector('#state').textContent`
	said      = `[...document.querySelectorAll('#messages .text')].map((e) => e.textContent)`
	lines     = `[...document.querySelectorAll('#messages > li')].map((li) => (li.querySelector('.text') ?? li.querySelector('span')).textContent)`
	present   = `[...document.querySelectorAll('#people .name')].map((e) => e.textContent).sort().join()`
	outgoing  = `[...document.querySelectorAll('#outgoing li')].map((e) => e.textContent).join()`
)

// is is an expression for an expression that has become a string.
func is(expression, want string) string {
	text, err := json.Marshal(want)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`%s === %s`, expression, text)
}

// ends is an expression for a list that ends with these.
func ends(list string, want ...string) string {
	text, err := json.Marshal(want)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`JSON.stringify(%s.slice(-%d)) === JSON.stringify(%s)`, list, len(want), text)
}

// connected says that a tab is let in.
const connected = `document.querySelector('#state').dataset.state === 'open'`

// talks opens the page of a server in a tab, as somebody.
func talks(t *testing.T, s *stage, number int, url, name string) tab {
	t.Helper()
	b := tab{s, number}
	if answer := b.do(t, "goto", command{"url": url}); answer.Status != 200 {
		t.Fatalf("%s answers %d", url, answer.Status)
	}
	b.until(t, connected)
	b.do(t, "type", command{"selector": "#name", "text": name})
	return b
}

func (b tab) say(t *testing.T, text string) {
	t.Helper()
	b.do(t, "type", command{"selector": "#say", "text": text})
}

// now presses the button that does not wait, if there is something to wait for.
func (b tab) now(t *testing.T) {
	t.Helper()
	var none any
	b.evaluate(t, `document.querySelector('#retry').click() ?? null`, &none)
}

// Two tabs talk through the real program: over a network that fails nothing is missed, and over a restart of the
// server, which forgets everything, the page says so.
func TestTalk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	t.Parallel()
	s := chromium(t)
	program := build(t)
	server := serve(t, program, "--addr", "127.0.0.1:0")
	at, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	network := newNetwork(t, at.Host)

	ada := talks(t, s, 0, "http://"+network.address()+"/#chat/tea", "Ada")
	bob := talks(t, s, 1, server.url+"#chat/tea", "Bob")
	ada.until(t, is(present, "Ada,Bob"))
	bob.until(t, is(present, "Ada,Bob"))
	ada.say(t, "hello")
	bob.until(t, ends(said, "hello"))
	const answer = "مرحبا <b>✓</b>"
	bob.say(t, answer)
	for _, b := range []tab{ada, bob} {
		b.until(t, ends(said, "hello", answer))
		b.until(t, is(outgoing, ""))
	}
	if name := bob.until(t, `document.querySelector('#messages .name').textContent`); name != "Ada" {
		t.Errorf("hello came from %q", name)
	}
	if position := bob.until(t, `document.querySelector('#at').textContent`); !strings.HasSuffix(position, ":2") {
		t.Errorf("the position after two messages is %q", position)
	}

	t.Run("presence", func(t *testing.T) {
		bob.do(t, "type", command{"selector": "#name", "text": "Robert"})
		ada.until(t, is(present, "Ada,Robert"))
		eve := talks(t, s, 2, server.url+"#chat/tea", "Eve")
		ada.until(t, is(present, "Ada,Eve,Robert"))
		eve.do(t, "shut", nil)
		ada.until(t, is(present, "Ada,Robert"))
		ada.until(t, is(`document.querySelector('#comings').textContent`, "Eve left"))
	})

	t.Run("topic", func(t *testing.T) {
		bob.do(t, "type", command{"selector": "#other", "text": "odd topic/ü"})
		bob.until(t, is(`document.querySelector('#topic').textContent`, "odd topic/ü"))
		bob.until(t, is(present, "Robert"))
		ada.until(t, is(present, "Ada"))
		bob.until(t, is(`document.querySelector('#by-listen').textContent`, "curl -N "+server.url+"t/odd%20topic/%C3%BC"))
		bob.do(t, "type", command{"selector": "#other", "text": "chat/tea"})
		ada.until(t, is(present, "Ada,Robert"))
		bob.until(t, ends(said, "hello", answer)) // from the history
	})

	t.Run("cut", func(t *testing.T) {
		network.set(down)
		ada.until(t, `document.querySelector('#countdown').textContent.startsWith('reconnecting in ')`)
		ada.until(t, is(`document.querySelector('#state').dataset.state`, "waiting"))
		ada.say(t, "kept")
		ada.until(t, outgoing+`.includes('waits for the connection')`)
		for _, text := range []string{"one", "two", "three"} {
			bob.say(t, text)
		}
		bob.until(t, ends(said, "one", "two", "three"))
		network.set(works)
		ada.now(t)
		const resumed = "Resumed: nothing missed, 3 messages replayed"
		ada.until(t, is(stateText, resumed))
		ada.until(t, ends(lines, answer, "Connection lost", resumed, "one", "two", "three", "kept"))
		ada.until(t, is(outgoing, ""))
		bob.until(t, ends(said, "one", "two", "three", "kept"))
		bob.until(t, is(present, "Ada,Robert"))
	})

	// The server has a message, but the answer is lost: it is sent again, and stands there once.
	t.Run("repeated", func(t *testing.T) {
		network.set(deaf)
		ada.say(t, "once")
		bob.until(t, ends(said, "kept", "once"))
		ada.until(t, outgoing+`.includes('once')`)
		network.set(down)
		network.set(works)
		ada.now(t)
		ada.until(t, ends(lines, "Resumed: nothing missed, 1 message replayed", "once"))
		ada.until(t, is(outgoing, ""))
		bob.say(t, "more")
		ada.until(t, ends(said, "kept", "once", "more"))
		bob.until(t, ends(said, "kept", "once", "more"))
	})

	t.Run("many", func(t *testing.T) {
		eve := talks(t, s, 2, server.url+"#chat/many", "Eve")
		var last []any
		eve.evaluate(t, `import('/assets/messages.js').then(async ({ MessageList }) => {
			const $ = (id) => document.getElementById(id);
			const list = new MessageList({ view: $('window'), list: $('messages'), outgoing: $('outgoing'), newest: $('newest') });
			for (let i = 1; i <= 10_000; i++) {
				list.add({ position: 'e:' + i, data: { name: 'x', text: 'message ' + i }, time: 0 }, false);
				if (i % 300 === 0) await new Promise(requestAnimationFrame);
			}
			await new Promise(requestAnimationFrame);
			const items = [...$('messages').children];
			return [items.length, items.at(0).querySelector('.text').textContent, items.at(-1).querySelector('.text').textContent];
		})`, &last)
		if got := fmt.Sprint(last); got != "[500 message 9501 message 10000]" {
			t.Errorf("of 10,000 messages there are %s", got)
		}
	})

	t.Run("restart", func(t *testing.T) {
		for _, how := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			if status, log := server.end(t, how); how == syscall.SIGTERM && status != 0 {
				t.Errorf("parley serve ended with status %d: %s", status, log)
			}
			ada.until(t, is(`document.querySelector('#state').dataset.state`, "waiting"))
			server = serve(t, program, "--addr", at.Host)
			for _, b := range []tab{ada, bob} {
				b.now(t)
				b.until(t, is(stateText, "Resumed: messages may be missing"))
				b.until(t, `document.querySelector('#messages > li:last-child').dataset.note === 'gap'`)
				b.until(t, lines+`.at(-1).startsWith('Messages may be missing here')`)
			}
			ada.until(t, is(present, "Ada,Robert"))
			text := fmt.Sprintf("after %v", how)
			ada.say(t, text)
			for _, b := range []tab{ada, bob} {
				b.until(t, ends(said, text))
				b.until(t, is(outgoing, ""))
			}
		}
	})

	select {
	case e := <-s.event("error", 0):
		t.Error(e.Message)
	default:
	}
}
