package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// utterance is something that is published.
type utterance struct{ kind, body string }

// utterances are messages of all kinds by one publisher, most of them unlike those of any other.
func utterances(who string, n int) []utterance {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	list := make([]utterance, n)
	for i := range list {
		id := fmt.Sprintf("%s %d", who, i)
		list[i] = []utterance{
			{"text", id},
			{"text", id + "\nof two lines\n\n"},
			{"text", "\r" + id + " a\rb\r\nc"},
			{"text", "🦜 " + id + " Grüße, مرحبا, 👩‍👩‍👧, \u2028\ufeff"},
			{"text", ""},
			{"json", `{"who":"` + id + `","n":12345678901234567890,"s":"\u2028\r\n</script>","list":[null,true,1e2,-0.0]}`},
			{"bytes", id + string(every)},
			{"text", " : data: " + id + "\nid: 1\nevent: gap\n\ndata: no"},
			{"json", "{ \"who\": \"" + id + "\",\n  \"list\": [ 1.0, 2 ] }"},
			{"bytes", ""},
			{"text", id + strings.Repeat(" und so weiter", 1500)},
			{"json", `"` + id + `"`},
			{"bytes", "text that says it is bytes: " + id},
		}[i%13]
	}
	return list
}

var contentTypes = map[string]string{"text": "text/plain", "json": "application/json", "bytes": "application/octet-stream"}

// publishers publish the messages one after the other. They run at the same time.
func (w *world) publishers() map[string]func(context.Context, string, []utterance) error {
	return map[string]func(context.Context, string, []utterance) error{
		"curl": w.publishByCurl,
		"npm":  w.publishByNPM,
		"page": w.publishInPage,
		"go":   w.publishBySocket,
		"api":  w.publishByAPI,
	}
}

func (w *world) publishByCurl(ctx context.Context, topic string, list []utterance) error {
	for _, u := range list {
		args, stdin := []string{"-d", u.body}, ""
		if strings.ContainsRune(u.body, 0) {
			args, stdin = []string{"--data-binary", "@-"}, u.body
		}
		if u.kind != "text" { // text is what -d is taken for
			args = append(args, "-H", "Content-Type: "+contentTypes[u.kind])
		}
		cmd := exec.CommandContext(ctx, w.curl, append(args, "-sS", "--fail-with-body", w.topic(w.url, topic, ""))...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("curl: %w: %s", err, out)
		}
	}
	return nil
}

// publishByNPM speaks parley.v1.
func (w *world) publishByNPM(ctx context.Context, topic string, list []utterance) error {
	answer, err := w.npm.ask(ctx, "dial", command{"url": w.socket() + "/ws", "subprotocols": []string{"parley.v1"}})
	if err != nil {
		return err
	}
	e := w.npm.ear(answer.Conn, natives, nil)
	if err := w.npm.say(ctx, answer.Conn, "text", `{"type":"connect"}`); err != nil {
		return err
	}
	for i, u := range list {
		c := command{"type": "publish", "id": i + 1, "topic": topic}
		switch u.kind {
		case "text":
			c["text"] = u.body
		case "bytes":
			c["b64"] = []byte(u.body)
		}
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if u.kind == "json" { // as it is
			text = append(text[:len(text)-1], `,"data":`+u.body+`}`...)
		}
		if err := w.npm.say(ctx, answer.Conn, "text", string(text)); err != nil {
			return err
		}
	}
	for range len(list) + 1 { // and the connect
		if h, err := e.next(ctx); err != nil || h.what != answered {
			return fmt.Errorf("publishing with parley.v1: %s, %w", h, err)
		}
	}
	_, err = w.npm.ask(ctx, "close", command{"conn": answer.Conn})
	return err
}

// publishInPage gives its messages an event, which EventSource tells apart.
func (w *world) publishInPage(ctx context.Context, topic string, list []utterance) error {
	var messages []command
	for _, u := range list {
		messages = append(messages, command{"kind": u.kind, "body": []byte(u.body)})
	}
	id := int(10_000 + pageConns.Add(1))
	if err := w.run(ctx, "publish", command{"conn": id, "url": w.topic(w.url, topic, "", "event=weather"), "messages": messages}); err != nil {
		return err
	}
	done, _, err := w.browser.ear(id, nil, nil).line(ctx)
	if err != nil {
		return err
	}
	var statuses []int
	if err := json.Unmarshal(done.Value, &statuses); err != nil {
		return err
	}
	for _, status := range statuses {
		if status != http.StatusCreated {
			return fmt.Errorf("the page's requests were answered with %v", statuses)
		}
	}
	return nil
}

// publishBySocket sends frames to the URL of a topic. There are no answers: what is refused ends the connection.
func (w *world) publishBySocket(ctx context.Context, topic string, list []utterance) error {
	e, c, err := w.dial(ctx, "publisher", bodies, w.topic(w.socket(), topic, ""))
	if err != nil {
		return err
	}
	defer e.close()
	j, d, err := w.dial(ctx, "publisher", bodies, w.topic(w.socket(), topic, "", "kind=json"))
	if err != nil {
		return err
	}
	defer j.close()
	for _, u := range list {
		// Those of one connection are in order. Where the next goes by the other, its own copy says that this one is there.
		on, ear, typ := c, e, ws.Text
		switch u.kind {
		case "json":
			on, ear = d, j
		case "bytes":
			typ = ws.Binary
		}
		if err := on.Write(ctx, typ, []byte(u.body)); err != nil {
			return err
		}
		if _, err := ear.until(ctx, func(h heard) bool { return h.body == u.body && (h.kind == "bytes") == (u.kind == "bytes") }); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) publishByAPI(ctx context.Context, topic string, list []utterance) error {
	for _, u := range list {
		body := fmt.Sprintf(`{"topic":%q,"data":%s}`, topic, u.body)
		switch u.kind {
		case "text":
			text, err := json.Marshal(u.body)
			if err != nil {
				return err
			}
			body = fmt.Sprintf(`{"topic":%q,"text":%s}`, topic, text)
		case "bytes":
			body = fmt.Sprintf(`{"topic":%q,"b64":%q}`, topic, base64.StdEncoding.EncodeToString([]byte(u.body)))
		}
		if _, err := w.post(ctx, w.url+"/api/v1/publish", "application/json", body); err != nil {
			return err
		}
	}
	return nil
}

// log returns what a topic holds after a position, as the API tells.
func (w *world) log(t *testing.T, topic, since string) (list []heard) {
	t.Helper()
	response, err := w.http.Get(w.url + "/api/v1/history?limit=1000&topic=" + topic + "&since=" + url.QueryEscape(since))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var page struct {
		Messages       []json.RawMessage
		Complete, More bool
	}
	if err == nil {
		err = json.Unmarshal(text, &page)
	}
	if err != nil || !page.Complete || page.More {
		t.Fatalf("the history: %s %v %.200s", response.Status, err, text)
	}
	for _, text := range page.Messages { // in the words of the protocol, but for their type
		var f nativeFrame
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		f.Type = "message"
		h, err := f.heard()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h)
	}
	return list
}

// TestTopics has the same messages in the same order come out of every transport, while all kinds of publishers publish all kinds of messages at
// once, and half of the listeners come in the middle of it.
func TestTopics(t *testing.T) {
	t.Parallel()
	server := serve(t, build(t), "--addr", "127.0.0.1:0", "--limits-command-rate", "0",
		"--topic", "** history=1000 history_bytes=16MiB", "--limits-replay-bytes", "16MiB")
	w := newWholeWorld(t, server.url)
	const topic, each, marker = "mixed/messages", 40, "that was all"
	ctx := bounded(t)
	since := w.place(t, topic)

	ways := w.ways()
	ears := make([]*ear, len(ways))
	open := func(i int) {
		t.Helper()
		e, err := ways[i].begin(ctx, topic, since)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.close)
		ears[i] = e
	}
	for i := 0; i < len(ways); i += 2 {
		open(i)
	}
	var publishing sync.WaitGroup
	published := map[string][]utterance{}
	halfway := make(chan struct{})
	for name, publish := range w.publishers() {
		list := utterances(name, each)
		published[name] = list
		publishing.Go(func() {
			err := publish(ctx, topic, list[:each/2])
			if name == "api" {
				close(halfway)
			}
			if err == nil {
				err = publish(ctx, topic, list[each/2:])
			}
			if err != nil {
				t.Errorf("publishing by %s: %v", name, err)
			}
		})
	}
	<-halfway
	for i := 1; i < len(ways); i += 2 {
		open(i)
	}
	publishing.Wait()
	if _, err := w.post(ctx, w.topic(w.url, topic, ""), "text/plain", marker); err != nil {
		t.Fatal(err)
	}

	log := w.log(t, topic, since)
	if len(log) != len(published)*each+1 {
		t.Errorf("%d messages are there, want %d", len(log), len(published)*each+1)
	}
	for name, list := range published {
		if missing := notIn(log, list); missing != nil {
			t.Errorf("%s has published %.100q, which is not there, or not in its place", name, missing.body)
		}
	}
	for i, e := range ears {
		t.Run(ways[i].name, func(t *testing.T) {
			// The same body may come earlier, but only this one ends the log.
			var got []heard
			for len(got) == 0 || got[len(got)-1].body != marker {
				h, err := e.next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case h.what == message:
					got = append(got, h)
				case h.lost || h.what != begins && h.what != answered:
					t.Fatalf("it was told: %s", h)
				}
			}
			checkLog(t, got, log, ways[i].silent)
			if strings.Contains(ways[i].name, "envelopes") || ways[i].name == "page-poll" {
				return // JSON in JSON, without the space between its tokens
			}
			byHTTP := ways[i].name == "page-native-stream" || ways[i].name == "page-native-poll" // where a frame is one line
			bodies := map[string]bool{}
			for _, h := range got {
				bodies[h.body] = true
			}
			for name, list := range published {
				for _, u := range list {
					body := u.body
					if u.kind == "json" && byHTTP {
						body = strings.ReplaceAll(body, "\n", " ")
					}
					if !bodies[body] && name != "api" { // which takes JSON in JSON
						t.Errorf("it did not get %.200q as it was published by %s", u.body, name)
					}
				}
			}
		})
	}
}

// notIn returns the first of a publisher's messages that is not there in their order.
func notIn(log []heard, list []utterance) *utterance {
	for _, h := range log {
		if len(list) > 0 && h.kind == list[0].kind && (h.body == list[0].body || h.kind == "json" && sameJSON(h.body, list[0].body)) {
			list = list[1:]
		}
	}
	if len(list) > 0 {
		return &list[0]
	}
	return nil
}

// checkLog compares what a client got with the log.
func checkLog(t *testing.T, got, want []heard, silent bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("it got %d messages, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		switch {
		case !silent && g.position != w.position,
			g.body != w.body && (w.kind != "json" || !sameJSON(g.body, w.body)),
			(g.kind == "bytes") != (w.kind == "bytes"):
			t.Fatalf("message %d is %s %s %.100q, want %s %s %.100q", i, g.position, g.kind, g.body, w.position, w.kind, w.body)
		}
	}
}
