package hook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte("known to both of them")

// app is an application. It answers as an http.RoundTripper too, without a network.
type app struct {
	t testing.TB

	mu     sync.Mutex
	asked  []*http.Request
	bodies []map[string]any
	answer func(n int, q map[string]any) (status int, body string) // n counts from 1
	wait   chan struct{}                                           // answers wait until it is closed, if it is not nil
	header http.Header
}

// always answers everything alike.
func always(status int, body string) func(int, map[string]any) (int, string) {
	return func(int, map[string]any) (int, string) { return status, body }
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	if err := Verify(secret, r.Header, body, time.Minute); err != nil {
		a.t.Errorf("the application cannot trust the question: %v", err)
	}
	var q map[string]any
	if err := json.Unmarshal(body, &q); err != nil {
		a.t.Errorf("the question %q: %v", body, err)
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || q["event"] != r.Header.Get("Parley-Event") || q["id"] != r.Header.Get("Parley-Id") || q["id"] == "" {
		a.t.Errorf("the question is %s, %v, %s", r.Method, r.Header, body)
	}
	a.mu.Lock()
	a.asked, a.bodies = append(a.asked, r), append(a.bodies, q)
	n, wait := len(a.asked), a.wait
	a.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return
		}
	}
	status, text := a.answer(n, q)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (a *app) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.Code == 599 {
		return nil, fmt.Errorf("the connection broke: %s", w.Body)
	}
	return w.Result(), nil
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// last returns the last question without its id, which is another each time.
func (a *app) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.bodies[len(a.bodies)-1], "id")
	text, err := json.Marshal(a.bodies[len(a.bodies)-1])
	if err != nil {
		a.t.Error(err)
	}
	return string(text)
}

// start returns a Client that asks a.
func start(t testing.TB, a *app, o Options) *Client {
	t.Helper()
	a.t = t
	o.Secret, o.Transport = secret, a
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const where = "https://app.example/parley?key=hidden"

var everything = Questions{Connect: where, Subscribe: where, Publish: where, Presence: where, MayCall: where}

func asks(t testing.TB, a *app, o Options, q Questions) *Authoriser {
	t.Helper()
	who, err := start(t, a, o).Authoriser(q)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// wantError fails the test unless err has the code, and its cause, which is for the log, the words.
func wantError(t testing.TB, err error, code hub.Code, cause string) *hub.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("allowed, want %s", code)
	}
	e := hub.AsError(err)
	if e.Code != code || e.Text == "" || cause != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), cause)) || strings.Contains(e.Error(), "hidden") {
		t.Fatalf("got %v, want %s and %q", err, code, cause)
	}
	return e
}
