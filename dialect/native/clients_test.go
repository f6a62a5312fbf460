package native_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/ws"
)

// client is one that a conversation has, whatever it travels on.
type client interface {
	// send sends commands.
	send(t testing.TB, commands string)

	// receive returns the next frame, or "" if none comes in time; the end is a line that begins with "closed".
	receive(wait time.Duration) string
}

// queue is what has come in.
type queue struct{ lines chan string }

func (q *queue) receive(wait time.Duration) string {
	select {
	case line := <-q.lines:
		return line
	case <-time.After(wait):
		return ""
	}
}

// newClient makes a client; what its name begins with says how it travels.
func newClient(t testing.TB, h *host, name string) client {
	t.Helper()
	switch {
	case strings.HasPrefix(name, "sse"):
		return &sseClient{queue: queue{make(chan string, 1000)}, url: h.url}
	case strings.HasPrefix(name, "poll"):
		return &pollClient{queue: queue{make(chan string, 1000)}, url: h.url}
	}
	c, err := ws.Dial(t.Context(), h.dialURL(), &ws.DialOptions{Subprotocols: []string{native.Protocol}, Options: ws.Options{MessageLimit: 8 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Subprotocol(); got != native.Protocol {
		t.Errorf("subprotocol %q, want %q", got, native.Protocol)
	}
	w := &wsClient{queue: queue{make(chan string, 1000)}, c: c}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := c.Run(context.Background(), ws.Events{Message: func(_ *ws.Conn, _ ws.Type, p []byte) error {
			w.lines <- string(p)
			return nil
		}})
		code, reason := ws.CodeNormal, ""
		if e, ok := err.(*ws.CloseError); ok {
			code, reason = e.Code, e.Reason
		}
		w.lines <- strings.TrimSpace(fmt.Sprintf("closed %d %s", uint16(code), reason))
	}()
	t.Cleanup(func() {
		c.CloseNow()
		<-done
	})
	return w
}

type wsClient struct {
	queue
	c *ws.Conn
}

func (w *wsClient) send(t testing.TB, commands string) {
	t.Helper()
	kind := ws.Text
	if rest, ok := strings.CutPrefix(commands, "binary "); ok {
		kind, commands = ws.Binary, rest
	}
	if err := w.c.Write(t.Context(), kind, []byte(commands)); err != nil {
		t.Fatal(err)
	}
}

// web sends requests without keeping connections.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func post(t testing.TB, ctx context.Context, url, body string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// sseClient streams. Its first commands open the stream, the others are sent apart.
type sseClient struct {
	queue
	url             string
	session, secret string
}

func (s *sseClient) send(t testing.TB, commands string) {
	t.Helper()
	if s.session != "" {
		resp := post(t, t.Context(), s.url+"/send", commands, http.Header{"Parley-Session": {s.session}, "Parley-Secret": {s.secret}})
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			body, _ := io.ReadAll(resp.Body)
			t.Errorf("send: %s: %s", resp.Status, body)
		}
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	resp := post(t, ctx, s.url+"/sse", commands, nil)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		stop()
		s.lines <- fmt.Sprintf("closed %d %s", resp.StatusCode, strings.TrimSpace(string(body)))
		return
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	in := bufio.NewReader(resp.Body)
	first, err := event(in)
	if err != nil {
		t.Fatal(err)
	}
	var connected struct{ Session, Secret string }
	if err := json.Unmarshal([]byte(first), &connected); err != nil {
		t.Fatal(err)
	}
	s.session, s.secret = connected.Session, connected.Secret
	s.lines <- first
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer resp.Body.Close()
		for {
			line, err := event(in)
			if err != nil {
				s.lines <- "closed"
				return
			}
			s.lines <- line
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

// event reads the data of one event.
func event(in *bufio.Reader) (string, error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return strings.TrimSuffix(data, "\n"), nil
		}
	}
}

// pollClient polls: each send is one request, and its answer comes frame by frame.
type pollClient struct {
	queue
	url     string
	pending atomic.Bool // a request is under way
}

func (p *pollClient) send(t testing.TB, commands string) {
	t.Helper()
	done := make(chan struct{})
	p.pending.Store(true)
	go func() {
		defer close(done)
		defer p.pending.Store(false)
		resp := post(t, context.Background(), p.url+"/poll", commands, nil)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		var frames []json.RawMessage
		if resp.StatusCode == http.StatusOK {
			if err := json.Unmarshal(body, &frames); err != nil {
				t.Errorf("%v: %s", err, body)
			}
		}
		for _, f := range frames {
			p.lines <- string(f)
		}
		if resp.StatusCode == http.StatusOK {
			p.lines <- "closed"
		} else {
			p.lines <- fmt.Sprintf("closed %d %s", resp.StatusCode, strings.TrimSpace(string(body)))
		}
	}()
	t.Cleanup(func() { <-done })
}
