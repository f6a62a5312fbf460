package metrics

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// scrape returns the lines of /metrics that begin with parley_, but those of series that are 0.
func scrape(t *testing.T, m *Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var list []string
	for line := range strings.Lines(w.Body.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "parley_") && !strings.HasSuffix(line, " 0") {
			list = append(list, line)
		}
	}
	return list
}

// want fails unless these lines are among those scraped.
func want(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	got := scrape(t, m)
	for _, line := range lines {
		if !slices.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
	if t.Failed() {
		t.Logf("there are:\n%s", strings.Join(got, "\n"))
	}
}

func TestTrace(t *testing.T) {
	m := New(Options{Version: "v1", Node: "a"})
	tr := m.Trace()
	native := hub.SessionInfo{ID: "1", Dialect: "native", Transport: "websocket"}
	raw := hub.SessionInfo{ID: "2", Dialect: "raw", Transport: "sse"}
	tr.Connected(native)
	tr.Connected(native)
	tr.Connected(raw)
	tr.Disconnected(native, hub.Reason{Code: hub.SlowConsumer})
	tr.Disconnected(raw, hub.Reason{Code: "an application's own"})

	tr.Authorised("connect", nil)
	tr.Authorised("connect", hub.Errorf(hub.Expired, "over"))
	tr.Authorised("subscribe", fmt.Errorf("wrapped: %w", hub.Errorf(hub.Forbidden, "no")))
	tr.Authorised("something new", errors.New("secret"))

	msg := &broker.Message{Topic: "a", Body: []byte("12345")}
	tr.Published(msg, broker.Published{}, nil)
	tr.Published(msg, broker.Published{}, nil)
	tr.Published(msg, broker.Published{Duplicate: true}, nil)
	tr.Published(msg, broker.Published{}, hub.Errorf(hub.TooLarge, "much"))
	tr.Published(msg, broker.Published{}, broker.ErrUnavailable)
	tr.Delivered(msg, 1000)

	tr.Dropped(native, hub.GapSlow, 7)
	tr.Dropped(native, hub.GapSlow, 1)
	tr.Dropped(native, "new", 2)
	tr.Resumed(true, 30)
	tr.Resumed(false, 0)
	tr.Refused("commands")
	tr.Refused("nobody knows")
	m.Refused("memory")
	tr.Called("a method", 3*time.Second, nil)
	tr.Called("another", time.Millisecond, context.DeadlineExceeded)
	m.Handshake(101, time.Millisecond)
	m.Handshake(0, time.Second)
	m.Handshake(418, time.Second)

	want(t, m,
		`parley_sessions{dialect="native",transport="websocket"} 1`,
		`parley_sessions_begun_total{dialect="native",transport="websocket"} 2`,
		`parley_sessions_begun_total{dialect="raw",transport="sse"} 1`,
		`parley_sessions_ended_total{reason="slow_consumer"} 1`,
		`parley_sessions_ended_total{reason="other"} 1`,
		`parley_auth_decisions_total{result="allowed",what="connect"} 1`,
		`parley_auth_decisions_total{result="expired",what="connect"} 1`,
		`parley_auth_decisions_total{result="forbidden",what="subscribe"} 1`,
		`parley_auth_decisions_total{result="internal",what="other"} 1`,
		`parley_published_messages_total{outcome="stored"} 2`,
		`parley_published_bytes_total{outcome="stored"} 10`,
		`parley_published_messages_total{outcome="duplicate"} 1`,
		`parley_published_messages_total{outcome="too_large"} 1`,
		`parley_published_bytes_total{outcome="unavailable"} 5`,
		`parley_deliveries_total 1000`,
		`parley_delivered_bytes_total 5000`,
		`parley_dropped_messages_total{reason="slow"} 8`,
		`parley_dropped_messages_total{reason="other"} 2`,
		`parley_gaps_total{reason="slow"} 2`,
		`parley_resumes_total{outcome="recovered"} 1`,
		`parley_resumes_total{outcome="not_recovered"} 1`,
		`parley_replayed_messages_total 30`,
		`parley_refusals_total{limit="commands"} 1`,
		`parley_refusals_total{limit="other"} 1`,
		`parley_refusals_total{limit="memory"} 1`,
		`parley_calls_total{outcome="ok"} 1`,
		`parley_calls_total{outcome="timeout"} 1`,
		`parley_call_duration_seconds_bucket{le="2.5"} 1`,
		`parley_call_duration_seconds_bucket{le="5"} 2`,
		`parley_websocket_handshakes_total{status="101"} 1`,
		`parley_websocket_handshakes_total{status="none"} 1`,
		`parley_websocket_handshakes_total{status="other"} 1`,
		`parley_websocket_handshake_seconds_count 1`,
	)
	for _, line := range scrape(t, m) {
		if strings.HasPrefix(line, "parley_build_info") && (!strings.Contains(line, `version="v1"`) || !strings.Contains(line, `node="a"`)) {
			t.Errorf("build info: %s", line)
		}
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{})
		tr := m.Trace()
		tr.Delivered(&broker.Message{}, 1) // of no known time
		tr.Delivered(&broker.Message{Time: time.Now().Add(time.Hour)}, 1)
		msg := &broker.Message{Time: time.Now()}
		time.Sleep(30 * time.Millisecond)
		tr.Delivered(msg, 500)
		time.Sleep(time.Minute)
		tr.Delivered(msg, 1)
		want(t, m,
			`parley_publish_to_deliver_seconds_bucket{le="0.0001"} 1`, // a clock that is ahead counts as no time
			`parley_publish_to_deliver_seconds_bucket{le="0.025"} 1`,
			`parley_publish_to_deliver_seconds_bucket{le="0.05"} 2`,
			`parley_publish_to_deliver_seconds_bucket{le="+Inf"} 3`,
		)
	})
}

func TestWatch(t *testing.T) {
	m := New(Options{})
	h, err := hub.New(hub.Options{Trace: m.Trace()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m.Watch(Watched{Hub: h, Connections: func() int { return 3 }, WebSockets: func() int { return 2 }})
	if _, err := h.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text, Body: []byte("abc")}); err != nil {
		t.Fatal(err)
	}
	want(t, m, `parley_connections 3`, `parley_websockets 2`, `parley_published_bytes_total{outcome="stored"} 3`)
}

func TestHandlerMethods(t *testing.T) {
	for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		w := httptest.NewRecorder()
		New(Options{}).Handler().ServeHTTP(w, httptest.NewRequest(method, "/metrics", nil))
		if w.Code != status {
			t.Errorf("%s: %d, want %d", method, w.Code, status)
		}
	}
}

// The hub's codes, reasons and limits are known here, so that none is counted as other.
func TestNamesAreTheHubs(t *testing.T) {
	files, err := filepath.Glob("../../hub/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec: // BadRequest Code = "bad_request"
				if kind, ok := n.Type.(*ast.Ident); ok && len(n.Values) == 1 {
					found[kind.Name] = append(found[kind.Name], text(n.Values[0]))
				}
			case *ast.CallExpr: // h.refused("calls"), h.spend(b, "commands"), h.authorised("connect", err)
				if f, ok := n.Fun.(*ast.SelectorExpr); ok {
					for _, arg := range n.Args {
						if s := text(arg); s != "" {
							found[f.Sel.Name] = append(found[f.Sel.Name], s)
						}
					}
				}
			}
			return true
		})
	}
	for _, test := range []struct{ what, where []string }{
		{[]string{"Code"}, codes},
		{[]string{"GapReason"}, gapReasons},
		{[]string{"refused", "spend"}, limits},
		{[]string{"Action", "authorised"}, asked},
	} {
		for _, what := range test.what {
			if len(found[what]) == 0 {
				t.Errorf("hub: found no %s: has it another name now?", what)
			}
			for _, name := range found[what] {
				if !slices.Contains(test.where, name) {
					t.Errorf("hub: %s %q is not in labels.go: it would be counted as other", what, name)
				}
			}
		}
	}
}

// text is the value of a string literal, or "".
func text(x ast.Expr) string {
	if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
	}
	return ""
}

// What is called for each message must not be felt.
func TestTraceDoesNotAllocate(t *testing.T) {
	tr := New(Options{}).Trace()
	msg := &broker.Message{Body: make([]byte, 100), Time: time.Now()}
	for name, f := range map[string]func(){
		"Published":  func() { tr.Published(msg, broker.Published{}, nil) },
		"Delivered":  func() { tr.Delivered(msg, 1000) },
		"Authorised": func() { tr.Authorised("publish", nil) },
		"Refused":    func() { tr.Refused("commands") },
		"Dropped":    func() { tr.Dropped(hub.SessionInfo{}, hub.GapSlow, 1) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkTrace(b *testing.B) {
	tr := New(Options{}).Trace()
	msg := &broker.Message{Body: make([]byte, 100), Time: time.Now()}
	b.Run("Published", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tr.Published(msg, broker.Published{}, nil)
		}
	})
	b.Run("Delivered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tr.Delivered(msg, 1000)
		}
	})
	b.Run("Authorised", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tr.Authorised("publish", nil)
		}
	})
	b.Run("DeliveredParallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				tr.Delivered(msg, 1000)
			}
		})
	})
}
