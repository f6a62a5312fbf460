package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/parley-ws/parley/load"
	"github.com/parley-ws/parley/ws"
)

// benched runs a load test that writes its report, and returns both.
func benched(t *testing.T, code int, args ...string) (*load.Report, result) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "r.json")
	r := parley(t, "", append(append([]string{"bench"}, args...), "--json", name)...)
	if r.code != code {
		t.Fatalf("%q: code %d, want %d; standard error %s; standard output %s", args, r.code, code, r.err, r.out)
	}
	return readLoad(t, name), r
}

func readLoad(t *testing.T, name string) *load.Report {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := load.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// kinds are the faults of a report.
func kinds(r *load.Report) map[string]int64 {
	m := map[string]int64{}
	for _, f := range r.Faults {
		m[f.Kind] = f.Count
	}
	return m
}

func TestBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	html, series, hdr := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.csv"), filepath.Join(dir, "r.hlog")
	report, r := benched(t, 0, echoServer(t, same), "-c", "5", "--rate", "200", "-d", "1s", "--size", "10-2KiB", "--binary", "--compress", "on",
		"--html", html, "--csv", series, "--hdr", hdr)
	if m := report.Messages; m.Sent != 200 || m.Received != 200 || m.WantedRate != 200 || report.Connections.Opened != 5 || len(report.Faults) != 0 || report.Mode != "open" {
		t.Errorf("%+v, %v", m, report.Faults)
	}
	for _, name := range []string{"connect", "first", "roundtrip", "roundtrip_raw"} {
		if l := report.Latency[name]; l == nil || l.Count == 0 || l.P50 <= 0 || l.P9999 < l.P50 {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if !strings.Contains(r.out, "200 sent, 200 answered") || !strings.Contains(r.out, "p99.99") || !strings.Contains(r.out, "generator ") || strings.Contains(r.out+r.err, "\x1b") || strings.Contains(r.err, "\r") {
		t.Errorf("%s, %q", r.out, r.err)
	}
	if page, err := os.ReadFile(html); err != nil || !bytes.HasPrefix(page, []byte("<!doctype html>")) || !bytes.Contains(page, []byte("<svg")) {
		t.Errorf("the page: %.80q, %v", page, err)
	}
	f, err := os.Open(series)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if rows, err := csv.NewReader(f).ReadAll(); err != nil || len(rows) < 2 || len(rows) != len(report.Series)+1 {
		t.Errorf("the series: %v, %v", rows, err)
	}
	g, err := os.Open(hdr)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if h, err := hdrhistogram.NewHistogramLogReader(g).NextIntervalHistogram(); err != nil || h == nil || h.TotalCount() == 0 {
		t.Errorf("the HDR log: %v, %v", h, err)
	}
}

func TestBenchClosed(t *testing.T) {
	t.Parallel()
	report, _ := benched(t, 0, echoServer(t, same), "-c", "3", "--closed", "-n", "100")
	if m := report.Messages; m.Sent != 100 || m.Received != 100 || report.Mode != "closed" {
		t.Errorf("%+v", m)
	}
}

// Stages, the count, a rate for each connection and a warm-up: what is sent follows from them to the last message.
func TestBenchSchedule(t *testing.T) {
	t.Parallel()
	url := echoServer(t, same)
	for want, args := range map[int64][]string{
		50: {"--stage", "500ms:200"},
		70: {"--rate", "100", "--stage", "200ms:100", "--stage", "0s:500", "--stage", "100ms:500"},
		13: {"--rate", "100", "-n", "13"},
		40: {"--rate-each", "20", "-c", "4", "-d", "500ms"},
		25: {"--rate", "50", "-d", "1s", "--warmup", "500ms"},
	} {
		if report, r := benched(t, 0, append([]string{url}, args...)...); report.Messages.Sent != want || report.Messages.Received != want {
			t.Errorf("%q: %+v, want %d\n%s", args, report.Messages, want, r.out)
		}
	}
}

func TestBenchMessages(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	srv := httptest.NewServer(ws.Handler{Handle: func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error {
			mu.Lock()
			got = append(got, string(p))
			mu.Unlock()
			var message struct{ ID int }
			if json.Unmarshal(p, &message) != nil {
				return nil
			}
			return c.Write(c.Context(), ws.Text, fmt.Appendf(nil, `{"re": {"id":%d}}`, message.ID))
		}})
	}})
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(file, []byte(`{"id":{{n}},"file":true}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "ws" + strings.TrimPrefix(srv.URL, "http") + "/{conn}"
	report, _ := benched(t, 0, url, "-c", "2", "-n", "10", "--hello", "I am {{conn}}", "--match", "json:id=re.id",
		"-m", `{"id":{{n}},"at":{{time}},"r":"{{random 8}}"}`, "-m", "@"+file)
	if report.Messages.Received != 10 || len(report.Faults) != 0 {
		t.Errorf("%+v, %v", report.Messages, report.Faults)
	}
	all := strings.Join(got, "\n")
	for _, expr := range []string{`(?m)^I am 0$`, `(?m)^I am 1$`, `"id":0,"at":\d{13},"r":"[0-9a-f]{8}"`, `"id":9,"file":true`} {
		if !regexp.MustCompile(expr).MatchString(all) {
			t.Errorf("no %s in %s", expr, all)
		}
	}
	if report, _ = benched(t, 0, url, "-n", "5", "-m", "{{n}}", "--match", "none"); report.Messages.Sent != 5 || report.Messages.Received != 0 || report.Latency["roundtrip"] != nil {
		t.Errorf("%+v", report.Messages)
	}
	if report, _ = benched(t, 0, url, "-n", "5", "-m", `{"id":{{n}}}`, "--match", `regex:"id":(\d+)`); report.Messages.Received != 5 {
		t.Errorf("%+v", report.Messages)
	}
	if report, _ = benched(t, 0, url, "-n", "5", "-m", `{"id":1}`, "--match", "order"); report.Messages.Received != 5 {
		t.Errorf("%+v", report.Messages)
	}
}

// What fails is told apart.
func TestBenchFaults(t *testing.T) {
	t.Parallel()
	wrong := echoServer(t, func(p []byte) []byte { return append([]byte("not "), p...) })
	report, r := benched(t, 0, wrong, "-n", "4", "--timeout", "100ms")
	if k := kinds(report); k["mismatched"]+k["late"] != 4 || k["reply timeout"] != 4 || !strings.Contains(r.out, "mismatched") {
		t.Errorf("%v\n%s", k, r.out)
	}
	srv := httptest.NewServer(ws.Handler{Handle: func(c *ws.Conn) error { return &ws.CloseError{Code: 4000, Reason: "\x1b[2Jgo"} }})
	defer srv.Close()
	report, r = benched(t, 0, "ws"+strings.TrimPrefix(srv.URL, "http"), "-c", "2", "--rate", "10", "-d", "5s")
	if k := kinds(report); k["close 4000"] != 2 || k["unsent"] == 0 || report.Connections.Lost != 2 || strings.Contains(r.out, "\x1b") {
		t.Errorf("%v\n%s", k, r.out)
	}
	var n atomic.Int64
	some := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if n.Add(1) == 1 {
			http.Error(w, "full", http.StatusServiceUnavailable)
			return
		}
		ws.Handler{Handle: func(c *ws.Conn) error { return echoAll(c, same) }}.ServeHTTP(w, req)
	}))
	defer some.Close()
	report, _ = benched(t, 0, "ws"+strings.TrimPrefix(some.URL, "http"), "-c", "2", "--connect-rate", "20", "-n", "2")
	if k := kinds(report); k["handshake 503"] != 1 || report.Connections.Failed != 1 || report.Messages.Received != 2 {
		t.Errorf("%v, %+v", k, report.Connections)
	}
}

// If no connection opens at all, the exit code says why, as that of connect does.
func TestBenchRefused(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]int{401: 5, 403: 5, 404: 4, 500: 4} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) }))
		r := parley(t, "", "bench", "ws"+strings.TrimPrefix(srv.URL, "http"), "-c", "2")
		srv.Close()
		if r.code != code || r.out != "" || !strings.Contains(r.err, fmt.Sprintf("< HTTP %d", status)) {
			t.Errorf("%d: %+v", status, r)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	file := filepath.Join(t.TempDir(), "r.json")
	parley(t, "", "bench", "ws://"+l.Addr().String(), "--json", file).expect(t, 3, "no connection could be opened", "check that the server runs")
	if _, err := os.Stat(file); err == nil {
		t.Error("an empty report is left behind")
	}
	s := startServer(t, nil, "--tls-self-signed")
	parley(t, "", "bench", s.echo, "-c", "1").expect(t, 3, "certificate", "-k")
	if report, _ := benched(t, 0, s.echo, "-k", "-n", "3"); report.Messages.Received != 3 {
		t.Errorf("%+v", report.Messages)
	}
}

func TestBenchThresholds(t *testing.T) {
	t.Parallel()
	url := echoServer(t, same)
	report, r := benched(t, 99, url, "-n", "5", "--fail", "p99>1us", "--fail", "errors>0")
	if len(report.Verdicts) != 2 || !report.Verdicts[0].Failed || report.Verdicts[1].Failed {
		t.Errorf("%+v", report.Verdicts)
	}
	if !regexp.MustCompile(`(?m)^FAILED p99>1us: p99 is \S+, \S+ above 1µs \(\+\d+ %\)$`).MatchString(r.out) || !strings.Contains(r.out, "ok     errors>0: errors is 0") {
		t.Errorf("%s", r.out)
	}
	mute := echoServer(t, func([]byte) []byte { return nil })
	if _, r = benched(t, 99, mute, "-n", "1", "--timeout", "1s", "--fail", "raw.p99>1h"); !strings.Contains(r.out, "FAILED raw.p99>1h: raw.p99 was not measured") {
		t.Errorf("%s", r.out)
	}
	benched(t, 0, url, "-n", "5", "--fail", "p99>1h")
}

// What is published at a topic's URL of parley serve, or over parley.v1, reaches all.
func TestBenchFanout(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--limits-command-rate", "0")
	base := "ws" + strings.TrimPrefix(s.page, "http")
	for name, args := range map[string][]string{
		"raw":       {base + "t/raw"},
		"envelope":  {base + "t/raw2?envelope"},
		"parley.v1": {base + "ws", "--topic", "native"},
		"a message": {base + "ws", "--topic", "text", "-m", "plain {{stamp}}"},
	} {
		report, r := benched(t, 0, append(args, "--publish", "2", "--receive", "5", "--rate", "100", "-d", "500ms", "--fail", "loss>0")...)
		d := report.Fanout
		if d == nil || d.Published != 50 || d.Expected != 250 || d.Lost != 0 || report.Messages.Received != 250 || report.Latency["delivery"].Count != 250 || len(report.Faults) != 0 {
			t.Errorf("%s: %+v, %v\n%s", name, d, report.Faults, r.out)
		}
		if native := strings.Contains(args[0], "/ws"); native != (report.Latency["roundtrip"] != nil) {
			t.Errorf("%s: the answers to publications: %+v", name, report.Latency["roundtrip"])
		}
	}
	parley(t, "", "bench", s.echo, "--topic", "x", "-d", "1s").expect(t, 1, "parley.v1", "path of the URL")
}

func TestBenchSlowReaders(t *testing.T) {
	t.Parallel()
	report, r := benched(t, 0, echoServer(t, same), "-c", "3", "--slow", "1", "--slow-rate", "5", "--rate", "60", "-d", "500ms")
	if report.Slow == nil || report.Slow.Connections != 1 || report.Slow.Open != 1 || report.Latency["roundtrip"].Count != 20 || !strings.Contains(r.out, "slow readers 1, 1 still open") {
		t.Errorf("%+v, %+v\n%s", report.Slow, report.Latency["roundtrip"], r.out)
	}
}

func TestBenchFindMax(t *testing.T) {
	t.Parallel()
	// Every rate meets the first condition, none the second; nothing depends on how fast the machine is.
	url := echoServer(t, same)
	report, r := benched(t, 0, url, "-c", "2", "-d", "200ms", "--rate", "2", "--find-max", "errors<1", "--find-max", "sent<5")
	if s := report.Search; s == nil || s.Best < 16 || s.Best > 25 || !strings.Contains(r.out, "errors<1 and sent<5") || !strings.Contains(r.err, "/s: p50 ") {
		t.Errorf("%+v\n%s%s", report.Search, r.out, r.err)
	}
	report, r = benched(t, 99, url, "-c", "1", "-d", "100ms", "--rate", "20", "--find-max", "errors>0")
	if report.Search.Best != 0 || !strings.Contains(r.out, "None of these rates") {
		t.Errorf("%+v\n%s", report.Search, r.out)
	}
}

// Connections come from the addresses in turn.
func TestBenchLocalAddr(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 without being told")
	}
	var mu sync.Mutex
	from := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		host, _, _ := net.SplitHostPort(req.RemoteAddr)
		mu.Lock()
		from[host]++
		mu.Unlock()
		ws.Handler{Handle: func(c *ws.Conn) error { return echoAll(c, same) }}.ServeHTTP(w, req)
	}))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	benched(t, 0, url, "-c", "6", "-n", "6", "--local-addr", "127.0.0.2", "--local-addr", "127.0.0.3", "--local-addr", "127.0.0.4")
	if fmt.Sprint(from) != "map[127.0.0.2:2 127.0.0.3:2 127.0.0.4:2]" {
		t.Error(from)
	}
	parley(t, "", "bench", url, "-c", "1", "--local-addr", "192.0.2.1").expect(t, 3, "192.0.2.1")
}

// A signal ends the test; what there is so far is reported.
func TestBenchStopped(t *testing.T) {
	t.Parallel()
	started := make(chan struct{}, 1000)
	url := echoServer(t, func(p []byte) []byte {
		started <- struct{}{}
		return p
	})
	file := filepath.Join(t.TempDir(), "r.json")
	p := begin(t, nil, "bench", url, "--rate", "50", "-d", "1h", "--json", file)
	for range 10 {
		<-started
	}
	p.signal(t, os.Interrupt)
	if r := p.wait(t); r.code != 130 || !strings.Contains(r.out, "interrupted") {
		t.Errorf("%+v", r)
	}
	if report := readLoad(t, file); !report.Interrupted || report.Messages.Received == 0 {
		t.Errorf("%+v", report.Messages)
	}
}

// A time that is over ends the test as a signal does; so do both while connections are still being opened.
func TestBenchMaxTime(t *testing.T) {
	t.Parallel()
	url := echoServer(t, same)
	report, r := benched(t, 124, url, "-d", "1h", "--max-time", "500ms")
	faults := slices.DeleteFunc(report.Faults, func(f load.Fault) bool { return f.Kind == "unsent" }) // what was due at that very moment
	if !report.Interrupted || report.Messages.Sent == 0 || len(faults) != 0 || !strings.Contains(r.err, "--max-time") {
		t.Errorf("%+v, %+v, %s", report.Messages, faults, r.err)
	}
	report, r = benched(t, 124, url, "-c", "100", "--connect-rate", "10", "--max-time", "1s")
	if c := report.Connections; !report.Interrupted || c.Opened == 0 || c.Opened == 100 || c.Failed != 0 || report.Messages.Sent != 0 {
		t.Errorf("%+v, %s", c, r.out)
	}
}

// A rate with --closed is one that connections keep as far as their replies let them: what that leaves out is in the raw figures alone.
func TestBenchPacedClosed(t *testing.T) {
	t.Parallel()
	n := 0
	url := echoServer(t, func(p []byte) []byte {
		if n++; n == 10 {
			time.Sleep(time.Second)
		}
		return p
	})
	report, _ := benched(t, 0, url, "-c", "1", "--closed", "--rate", "50", "-d", "2s")
	due, raw := report.Latency["roundtrip"], report.Latency["roundtrip_raw"]
	if report.Messages.Sent != 100 || due.Count != 100 || raw.Count != 100 || raw.Mean > due.Mean/2 || report.Setup == nil || !report.Setup.Closed {
		t.Errorf("%+v, %+v, %+v", report.Messages, due, raw)
	}
}

// No report shows the secrets of the URL, of a header or of a message.
func TestBenchSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := echoServer(t, func(p []byte) []byte {
		if string(p) == "hush" { // a reply to a hello would be quoted as one that nobody waits for
			return nil
		}
		return p
	})
	url := strings.Replace(server, "ws://", "ws://ann:hush@", 1) + "/{conn}?token=hush&room=1"
	args := []string{"bench", url, "-n", "5", "-H", "X-Key: hush", "--hello", "hush", "-m", "hush {{n}}"}
	for _, form := range []string{"json", "html", "csv", "hdr"} {
		args = append(args, "--"+form, filepath.Join(dir, form))
	}
	r := parley(t, "", args...)
	if r.code != 0 || !strings.Contains(r.out, "/{conn}?token=xxxxx&room=1, open loop") || strings.Contains(r.out+r.err, "hush") {
		t.Errorf("%+v", r)
	}
	for _, form := range []string{"json", "html", "csv", "hdr"} {
		if text, err := os.ReadFile(filepath.Join(dir, form)); err != nil || len(text) == 0 || bytes.Contains(text, []byte("hush")) {
			t.Errorf("%s: %v, %s", form, err, text)
		}
	}
}

// Standard output has only what was asked to go there.
func TestBenchStdout(t *testing.T) {
	t.Parallel()
	url := echoServer(t, same)
	for flag, begins := range map[string]string{"--json": "{", "--html": "<!doctype", "--csv": "at_s,", "--hdr": "#"} {
		r := parley(t, "", "bench", url, "-n", "5", flag, "-", "--color", "always", "--fail", "errors<1")
		if r.code != 99 || !strings.HasPrefix(r.out, begins) || strings.Contains(r.out, "FAILED errors<1: errors is 0") && flag != "--html" || !strings.Contains(r.err, "\x1b[31mFAILED errors<1") {
			t.Errorf("%s: %d\n%.100s\n%s", flag, r.code, r.out, r.err)
		}
	}
	if r := parley(t, "", "bench", url, "-n", "5", "--fail", "errors<1"); strings.Contains(r.out+r.err, "\x1b") || !strings.Contains(r.out, "FAILED") || r.err != "" {
		t.Errorf("%+v", r)
	}
}

// Off a terminal there is a line each five seconds.
func TestBenchLine(t *testing.T) {
	t.Parallel()
	p := begin(t, nil, "bench", echoServer(t, same), "--rate", "50", "-d", "1h")
	line := regexp.MustCompile(`(?m)^parley: \d+s of 1h0m0s  \d+/s sent  \d+/s back  p50 \S+  p99 \S+  0 errors  10 open\n`)
	p.until(t, "a line", func(_, err string) bool { return line.MatchString(err) })
	p.signal(t, os.Interrupt)
	p.wait(t)
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing", "file")
	for _, tc := range []struct {
		args  []string
		code  int
		words []string
	}{
		{nil, 2, []string{"the URL is missing"}},
		{[]string{"ws://x", "y"}, 2, []string{"y"}},
		{[]string{"http//x"}, 2, []string{"not a WebSocket URL"}},
		{[]string{"ws://x", "--rate", "1", "--rate-each", "1"}, 2, []string{"--rate-each"}},
		{[]string{"ws://x", "--timeout", "0s"}, 2, []string{"--timeout"}},
		{[]string{"ws://x", "--slow-rate", "0"}, 2, []string{"--slow-rate"}},
		{[]string{"ws://x", "--stage", "fast"}, 2, []string{"--stage", "30s:5000"}},
		{[]string{"ws://x", "--size", "9-1"}, 2, []string{"--size", "smaller size comes first"}},
		{[]string{"ws://x", "--size", "big"}, 2, []string{"--size", "16MiB"}},
		{[]string{"ws://x", "--size", "9", "-m", "x"}, 2, []string{"without -m"}},
		{[]string{"ws://x", "-m", "{{what}}"}, 2, []string{"-m", "{{what}}", "docs/bench.md"}},
		{[]string{"ws://x", "-m", "@" + missing}, 1, []string{"-m"}},
		{[]string{"ws://x", "--hello", "{{"}, 2, []string{"--hello"}},
		{[]string{"ws://x", "--match", "guess"}, 2, []string{"--match", "guess", "regex:"}},
		{[]string{"ws://x", "--fail", "p98>5ms"}, 2, []string{"--fail", `"p98"`, "p99.99"}},
		{[]string{"ws://x", "--find-max", "p99<5"}, 2, []string{"--find-max", "time such as 50ms"}},
		{[]string{"ws://x", "--find-max", "p99<5ms", "--closed"}, 2, []string{"closed"}},
		{[]string{"ws://x", "--local-addr", "localhost"}, 2, []string{"--local-addr", "127.0.0.2"}},
		{[]string{"ws://x", "--publish", "-1"}, 2, []string{"--publish"}},
		{[]string{"ws://x", "--publish", "1", "-m", "no stamp"}, 2, []string{"{{stamp}}"}},
		{[]string{"ws://x", "--closed", "--match", "none"}, 2, []string{"closed load", "--help"}},
		{[]string{"ws://x", "--rate", "0"}, 2, []string{"--rate", "more than zero"}},
		{[]string{"ws://x", "-c", "0"}, 2, []string{"--connections", "more than zero"}},
		{[]string{"ws://x", "-d", "0s"}, 2, []string{"--duration", "more than zero"}},
		{[]string{"ws://x", "-d", "-1s"}, 2, []string{"negative"}},
		{[]string{"ws://x", "-n", "0"}, 2, []string{"--count", "more than zero"}},
		{[]string{"ws://x", "--rate", "NaN"}, 2, []string{"NaN is no rate"}},
		{[]string{"ws://x", "--rate", "1e99"}, 2, []string{"more than any clock"}},
		{[]string{"ws://x", "--rate-each", "1e6", "-c", "100"}, 2, []string{"more than any clock"}},
		{[]string{"ws://x", "--slow-rate", "NaN", "--slow", "1"}, 2, []string{"--slow-rate"}},
		{[]string{"ws://x", "--stage", "1s:NaN"}, 2, []string{"no number"}},
		{[]string{"ws://x", "--size", "0"}, 2, []string{"--size", "-m ''"}},
		{[]string{"ws://x", "--fail", "p99>>5"}, 2, []string{"--fail", `">5"`, "p99>50ms"}},
		{[]string{"ws://x", "--fail", "loss>0"}, 2, []string{`"loss" is of a fan-out`}},
		{[]string{"ws://x", "--fail", "delivery.p50 > 1s"}, 2, []string{"is of a fan-out"}},
		{[]string{"ws://x", "--match", "none", "--find-max", "p99<1s"}, 2, []string{"awaits none"}},
		{[]string{"ws://x", "--warmup", "10s", "-n", "50"}, 2, []string{"warm-up"}},
		{[]string{"ws://x", "--max-time", "-1s"}, 2, []string{"--max-time"}},
		{[]string{"ws://x", "--color", "pink"}, 2, []string{"--color"}},
		{[]string{"ws://x", "--json", "-", "--csv", "-"}, 2, []string{"--json and --csv", "a file of its own"}},
		{[]string{"ws://x", "--json", "x", "--html", "./x"}, 2, []string{"--json and --html"}},
		{[]string{"ws://x", "-c", "-1"}, 2, []string{"-1 connections"}},
		{[]string{"ws://x", "--json", missing}, 1, []string{"--json", "can be written"}},
		{[]string{"ws://x", "--compress", "some"}, 2, []string{"--compress"}},
		{[]string{"ws://x", "-H", "no colon"}, 2, []string{"-H"}},
	} {
		parley(t, "", append([]string{"bench"}, tc.args...)...).expect(t, tc.code, tc.words...)
	}
	p := begin(t, []string{"PARLEY_COUNT=3", "PARLEY_FAIL=p99>1h"}, "bench", echoServer(t, same))
	if r := p.wait(t); r.code != 0 || !strings.Contains(r.out, "3 sent") || !strings.Contains(r.out, "ok     p99>1h") {
		t.Errorf("%+v", r)
	}
}
