package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// ear is a client that listens to a topic.
type ear struct {
	name    string
	in, end <-chan line
	over    <-chan struct{} // the script has ended whose lines these are; may be nil
	words   words
	close   func()

	pending []heard
	last    *line // that is not to be heard before everything else
}

// next returns what the client is told next.
func (e *ear) next(ctx context.Context) (heard, error) {
	for len(e.pending) == 0 {
		l, ended, err := e.line(ctx)
		if err != nil {
			return heard{}, err
		}
		if ended {
			return endOf(l), nil
		}
		if e.pending, err = e.words(l); err != nil {
			return heard{}, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	h := e.pending[0]
	e.pending = e.pending[1:]
	return h, nil
}

func (e *ear) line(ctx context.Context) (l line, ended bool, err error) {
	if e.last == nil {
		select {
		case l := <-e.in:
			return l, false, nil
		case l := <-e.end:
			e.last = &l
		case <-e.over:
			return l, false, fmt.Errorf("%s: its script has ended", e.name)
		case <-ctx.Done():
			return l, false, fmt.Errorf("%s: nothing more was heard: %w", e.name, context.Cause(ctx))
		}
	}
	select {
	case l := <-e.in:
		return l, false, nil
	default:
		return *e.last, true, nil
	}
}

// until returns everything up to what is wanted, or the end.
func (e *ear) until(ctx context.Context, wanted func(heard) bool) (list []heard, err error) {
	for {
		h, err := e.next(ctx)
		if err != nil {
			return list, err
		}
		list = append(list, h)
		if h.what == endOfThis && !wanted(h) {
			return list, fmt.Errorf("%s: it ended: %s", e.name, h)
		}
		if wanted(h) {
			return list, nil
		}
	}
}

// way is one way to listen. Use begin to open an ear.
type way struct {
	name   string
	silent bool // bodies alone: it is not told where it is
	itself bool // it comes back by itself
	open   func(ctx context.Context, topic, since string) (*ear, error)
}

// begin opens an ear.
func (w way) begin(ctx context.Context, topic, since string) (*ear, error) {
	e, err := w.open(ctx, topic, since)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	e.name = w.name
	return e, nil
}

// world is a server with the clients that listen to it.
type world struct {
	url     string // without the slash at its end
	token   string // may be empty
	http    *http.Client
	browser *stage   // nil for none
	npm     *process // nil for none
	curl    string   // empty for none
}

// newWorld has Go's clients alone.
func newWorld(t *testing.T, base string) *world {
	t.Helper()
	w := &world{url: strings.TrimSuffix(base, "/"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	t.Cleanup(w.http.CloseIdleConnections)
	return w
}

// newWholeWorld has all clients.
func newWholeWorld(t *testing.T, base string) *world {
	t.Helper()
	w := newWorld(t, base)
	w.curl = need.Command(t, "curl", "apt-get install curl")
	w.npm = start(t, need.NodeModule(t, ".", "ws"), script("ws.js"))
	w.browser = chromium(t)
	// A page of the same origin.
	if answer := w.browser.do(t, "goto", command{"url": w.url + "/healthz"}); answer.Status != 200 {
		t.Fatalf("%s answers %d", w.url, answer.Status)
	}
	text, err := os.ReadFile(script("topics-page.js"))
	if err != nil {
		t.Fatal(err)
	}
	w.browser.do(t, "run", command{"script": string(text)})
	return w
}

func (w *world) socket() string { return "ws" + strings.TrimPrefix(w.url, "http") }

func (w *world) topic(base, topic, since string, more ...string) string {
	query := more
	if since != "" {
		query = append(query, "since="+url.QueryEscape(since))
	}
	if len(query) > 0 {
		topic += "?" + strings.Join(query, "&")
	}
	return base + "/t/" + topic
}

// commands are the first ones of a client of parley.v1.
func (w *world) commands(topic, since string) string {
	connect := command{"type": "connect", "id": 1}
	if w.token != "" {
		connect["token"] = w.token
	}
	subscribe := command{"type": "subscribe", "id": 2, "topic": topic}
	if since != "" {
		subscribe["since"] = since
	}
	text, err := json.Marshal([]command{connect, subscribe})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ways are all ways to listen that the clients of this world have.
func (w *world) ways() []way {
	list := []way{
		{name: "go-native", open: w.goNative},
		{name: "go-envelopes", open: w.goEnvelopes},
		{name: "go-bodies", silent: true, open: w.goBodies},
		{name: "go-event-stream", open: w.goEvents},
	}
	if w.curl != "" {
		list = append(list, way{name: "curl", open: w.curlEvents})
	}
	if p := w.npm; p != nil {
		list = append(list,
			way{name: "npm-bodies", silent: true, open: w.scripted(p, bodies, "", "/t/")},
			way{name: "npm-envelopes", open: w.scripted(p, envelopes, "", "/t/", "envelope")},
			way{name: "npm-native", open: w.scripted(p, natives, "parley.v1", "/ws")})
	}
	if w.browser != nil {
		p := w.browser.process
		list = append(list,
			way{name: "page-bodies", silent: true, open: w.scripted(p, bodies, "", "/t/")},
			way{name: "page-envelopes", open: w.scripted(p, envelopes, "", "/t/", "envelope")},
			way{name: "page-native", open: w.scripted(p, natives, "parley.v1", "/ws")},
			way{name: "page-event-source", itself: true, open: w.inPage("eventSource", func() words { return browserEvents }, func(topic, since string) command {
				return command{"url": w.topic(w.url, topic, since), "names": []string{"weather"}}
			})},
			way{name: "page-native-stream", open: w.inPage("stream", nativePieces, func(topic, since string) command {
				return command{"url": w.url + "/ws/sse", "request": command{"method": "POST", "body": w.commands(topic, since)}}
			})},
			way{name: "page-poll", open: w.inPage("poll", func() words { return pages }, func(topic, since string) command {
				return command{"url": w.topic(w.url, topic, ""), "since": since}
			})},
			way{name: "page-native-poll", open: w.inPage("nativePoll", func() words { return nativePages }, func(topic, since string) command {
				c := command{"url": w.url + "/ws/poll", "topic": topic}
				if since != "" {
					c["since"] = since
				}
				return c
			})})
	}
	return list
}

// dial connects a WebSocket of Go's client, which is read until ctx ends or the ear is closed.
func (w *world) dial(ctx context.Context, name string, words words, to string, subprotocols ...string) (*ear, *ws.Conn, error) {
	o := &ws.DialOptions{Subprotocols: subprotocols, Header: http.Header{}}
	if w.token != "" {
		o.Header.Set("Authorization", "Bearer "+w.token)
	}
	c, err := ws.Dial(ctx, to, o)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	in, end := make(chan line, 4096), make(chan line, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer c.CloseNow()
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				var ce *ws.CloseError
				errors.As(err, &ce)
				l := line{Message: err.Error(), Code: int(ws.CloseCode(err))}
				if ce != nil {
					l.Reason = ce.Reason
				}
				end <- l
				return
			}
			select {
			case in <- line{Type: typ.String(), Data: p}:
			case <-ctx.Done():
			}
		}
	}()
	return &ear{name: name, in: in, end: end, words: words, close: func() {
		stop()
		<-done
	}}, c, nil
}

func (w *world) goNative(ctx context.Context, topic, since string) (*ear, error) {
	e, c, err := w.dial(ctx, "go-native", natives, w.socket()+"/ws", "parley.v1")
	if err != nil {
		return nil, err
	}
	return e, c.Write(ctx, ws.Text, []byte(w.commands(topic, since)))
}

func (w *world) goEnvelopes(ctx context.Context, topic, since string) (*ear, error) {
	e, _, err := w.dial(ctx, "go-envelopes", envelopes, w.topic(w.socket(), topic, since, "envelope"))
	return e, err
}

func (w *world) goBodies(ctx context.Context, topic, since string) (*ear, error) {
	e, _, err := w.dial(ctx, "go-bodies", bodies, w.topic(w.socket(), topic, since))
	return e, err
}

// goEvents resumes as an EventSource does.
func (w *world) goEvents(ctx context.Context, topic, since string) (*ear, error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if since != "" {
		header.Set("Last-Event-ID", since)
	}
	return w.stream(ctx, "go-event-stream", eventPieces(), http.MethodGet, w.topic(w.url, topic, ""), "", header)
}

// stream is a request whose answer is heard piece by piece.
func (w *world) stream(ctx context.Context, name string, words words, method, to, body string, header http.Header) (*ear, error) {
	ctx, stop := context.WithCancel(ctx)
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		stop()
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	response, err := w.http.Do(r)
	if err != nil {
		stop()
		return nil, err
	}
	e := piecewise(ctx, name, words, response.Body, func() line {
		return line{Status: response.StatusCode}
	})
	wait := e.close
	e.close = func() {
		stop()
		wait()
	}
	return e, nil
}

// piecewise is an ear for what can be read from r. Its close waits for the end of that.
func piecewise(ctx context.Context, name string, words words, r io.ReadCloser, last func() line) *ear {
	in, end := make(chan line, 4096), make(chan line, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			p := make([]byte, 16<<10)
			n, err := r.Read(p)
			if n > 0 {
				select {
				case in <- line{Data: p[:n]}:
				case <-ctx.Done():
				}
			}
			if err != nil {
				_ = r.Close()
				end <- last()
				return
			}
		}
	}()
	return &ear{name: name, in: in, end: end, words: words, close: func() { <-done }}
}

// curlEvents is curl -N; its end has the status with which it exits.
func (w *world) curlEvents(ctx context.Context, topic, since string) (*ear, error) {
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, w.curl, "-sN", "-H", "Accept: text/event-stream", w.topic(w.url, topic, since))
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		return nil, err
	}
	e := piecewise(ctx, "curl", eventPieces(), stdout, func() line {
		_ = cmd.Wait() // its status tells
		return line{Message: cmd.ProcessState.String()}
	})
	wait := e.close
	e.close = func() {
		stop()
		wait()
	}
	return e, nil
}

// scripted is a WebSocket of a script.
func (w *world) scripted(p *process, words words, subprotocol, path string, query ...string) func(context.Context, string, string) (*ear, error) {
	return func(ctx context.Context, topic, since string) (*ear, error) {
		to, offered := w.topic(w.socket(), topic, since, query...), []string(nil)
		if subprotocol != "" {
			to, offered = w.socket()+path, []string{subprotocol}
		}
		answer, err := p.ask(ctx, "dial", command{"url": to, "subprotocols": offered})
		if err != nil {
			return nil, err
		}
		if subprotocol != "" {
			err = p.say(ctx, answer.Conn, "text", w.commands(topic, since))
		}
		return p.ear(answer.Conn, words, func() { _, _ = p.ask(ctx, "close", command{"conn": answer.Conn}) }), err
	}
}

// pageConns numbers what is opened by topics-page.js, beyond the WebSockets of a page.
var pageConns atomic.Int64

// inPage calls a function of topics-page.js.
func (w *world) inPage(function string, words func() words, told func(topic, since string) command) func(context.Context, string, string) (*ear, error) {
	return func(ctx context.Context, topic, since string) (*ear, error) {
		id := int(10_000 + pageConns.Add(1))
		c := told(topic, since)
		c["conn"] = id
		p := w.browser.process
		return p.ear(id, words(), func() { _ = w.run(ctx, "close", command{"conn": id}) }), w.run(ctx, function, c)
	}
}

func (w *world) run(ctx context.Context, function string, c command) error {
	text, err := json.Marshal(c)
	if err == nil {
		_, err = w.browser.ask(ctx, "run", command{"script": "void topics." + function + "(" + string(text) + ")"})
	}
	return err
}

// ear listens to the messages of a script's connection.
func (p *process) ear(id int, words words, close func()) *ear {
	return &ear{name: p.name, in: p.event("message", id), end: p.event("close", id), over: p.ended, words: words, close: close}
}

// say has a script send a message.
func (p *process) say(ctx context.Context, conn int, typ, text string) error {
	_, err := p.ask(ctx, "send", command{"conn": conn, "type": typ, "parts": [][]byte{[]byte(text)}})
	return err
}

// ask is do for goroutines beside that of the test.
func (p *process) ask(ctx context.Context, do string, c command) (line, error) {
	answer := make(chan line, 1)
	p.mu.Lock()
	p.last++
	message := command{"id": p.last, "do": do}
	p.answers[p.last] = answer
	for name, value := range c {
		message[name] = value
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = p.stdin.Write(append(text, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return line{}, err
	}
	select {
	case l := <-answer:
		if l.Error != "" {
			err = fmt.Errorf("%s: %s: %s", p.name, do, l.Error)
		}
		return l, err
	case <-p.ended:
		return line{}, fmt.Errorf("%s ended instead of: %s", p.name, do)
	case <-ctx.Done():
		return line{}, fmt.Errorf("%s: %s: %w", p.name, do, context.Cause(ctx))
	}
}

// post publishes by POST, and returns the position.
func (w *world) post(ctx context.Context, to, contentType, body string, header ...string) (position string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := w.http.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode/100 != 2 {
		return "", fmt.Errorf("POST %s answers %s: %s", to, response.Status, text)
	}
	var answer struct{ Position string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", err
	}
	return answer.Position, nil
}

// place asks where a topic is.
func (w *world) place(t *testing.T, topic string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, w.topic(w.url, topic, ""), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	position := response.Header.Get("Parley-Position")
	if position == "" {
		t.Fatalf("HEAD of %s answers %s without a position", topic, response.Status)
	}
	return position
}
