//go:build unix

package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// runner starts a command whose messages come from the channel.
func runner(t *testing.T, o Options, script string) (*Runner, <-chan string) {
	t.Helper()
	o.Command = []string{"sh", "-c", script}
	o.Env = PassEnv([]string{"PATH"})
	got := make(chan string, 100)
	r, err := NewRunner(o, func(typ ws.Type, b []byte) { got <- fmt.Sprintf("%v %s", typ, b) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r, got
}

func expect(t *testing.T, got <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case g := <-got:
			if g != w {
				t.Errorf("got %q, want %q", g, w)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no %q", w)
		}
	}
}

func TestRunner(t *testing.T) {
	t.Parallel()
	started, ended := make(chan int, 9), make(chan error, 9)
	trace := &Trace{Started: func(pid int) { started <- pid }, Ended: func(_ int, err error) { ended <- err }}
	r, got := runner(t, Options{Trace: trace, Dir: "/"}, `pwd; while read line; do test "$line" = end && exit 3; echo "<$line>"; done`)
	expect(t, got, "text /")
	for _, line := range []string{"a", "b"} {
		if err := r.TrySend(&Input{Type: ws.Text, Data: []byte(line)}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, got, "text <a>", "text <b>")
	if r.TrySend(&Input{Type: ws.Binary, Data: []byte("b")}) == nil {
		t.Error("a binary message becomes text")
	}
	if err := r.TrySend(&Input{Type: ws.Text, Data: []byte("end")}); err != nil {
		t.Fatal(err)
	}
	var status *CommandError
	if err := <-ended; !errors.As(err, &status) || status.Status != "exit status 3" {
		t.Errorf("ended with %v", err)
	}
	if err := r.Send(t.Context(), &Input{Type: ws.Text, Data: []byte("kept for the next one")}); err != nil {
		t.Fatal(err)
	}
	expect(t, got, "text /", "text <kept for the next one>")
	if first := <-started; first == <-started {
		t.Error("it is the same process")
	}
}

func TestRunnerQueue(t *testing.T) {
	t.Parallel()
	r, got := runner(t, Options{Queue: 10, Restart: RestartNever}, `echo ready; read line; sleep 600`)
	expect(t, got, "text ready")
	full := false
	for range 1 << 20 { // more than a pipe takes
		if err := r.TrySend(&Input{Type: ws.Text, Data: []byte("12345")}); errors.Is(err, ErrInputFull) {
			full = true
			break
		}
	}
	if !full {
		t.Fatal("the queue has no bound")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	waits := make(chan error, 1)
	go func() {
		for {
			if err := r.Send(ctx, &Input{Type: ws.Text, Data: make([]byte, 1<<16)}); err != nil {
				waits <- err
				return
			}
		}
	}()
	cancel(errors.New("enough"))
	if err := <-waits; !strings.Contains(err.Error(), "enough") {
		t.Error(err)
	}
	go r.Shutdown(context.Background())
	<-r.Done()
	if err := r.TrySend(&Input{Type: ws.Text}); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

func TestRunnerEvents(t *testing.T) {
	t.Parallel()
	r, got := runner(t, Options{Framing: Events, Restart: RestartNever}, `echo '{"data":"hello"}'; echo nonsense; echo '{"ev":"stat"}'; read line; printf '{"b64":"%s"}\n' "$(printf %s "$line" | base64 -w0)"; exit 1`)
	expect(t, got, "text hello")
	if err := r.TrySend(&Input{Type: ws.Text, Data: []byte("x"), Topic: "t", Session: "s", User: "ann", Claims: json.RawMessage(`{"role":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	line, ok := strings.CutPrefix(<-got, "binary ")
	var e map[string]any
	if err := json.Unmarshal([]byte(line), &e); err != nil || !ok {
		t.Fatal(line, err)
	}
	delete(e, "t")
	want := `map[claims:map[role:a] data:x dir:in ev:msg len:1 session:s topic:t type:text user:ann v:1]`
	if got := fmt.Sprint(e); got != want {
		t.Errorf("the command reads %s, want %s", got, want)
	}
	<-r.Done()
	var status *CommandError
	if !errors.As(r.Err(), &status) {
		t.Errorf("it ended with %v", r.Err())
	}
}
