package raw_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/need"
)

// manual is docs/raw.md.
func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/raw.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The commands of the manual print what it says they do.
func TestManualCommands(t *testing.T) {
	sh := need.Command(t, "sh", "install a shell")
	need.Command(t, "curl", "apt-get install curl")
	w := newWorld(t, hub.Options{}, raw.Options{})
	page, err := w.hub.History(w.ctx, "news", broker.Query{})
	if err != nil {
		t.Fatal(err)
	}
	const epoch = "K3V5QXAZ7M"
	from := regexp.MustCompile(`"from":"[^"]*"`)
	at := regexp.MustCompile(`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	commands := 0
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindAllStringSubmatch(manual(t), -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(strings.TrimSuffix(part, "\n")+"\n", "\n")
			commands++
			there := strings.NewReplacer("localhost:8080", strings.TrimPrefix(w.server.URL, "http://"), epoch, page.Tail.Epoch)
			cmd := exec.CommandContext(w.ctx, sh, "-c", "exec "+there.Replace(command))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// A stream does not end: only what is printed is read.
			in, got := bufio.NewReader(out), ""
			for range strings.Count(want, "\n") {
				line, err := in.ReadString('\n')
				got += line
				if err != nil {
					break
				}
			}
			cmd.Process.Kill()
			cmd.Wait()
			got = strings.ReplaceAll(got, page.Tail.Epoch, epoch)
			got = at.ReplaceAllString(from.ReplaceAllString(got, `"from":"4QZ…"`), `"time":"2026-01-02T15:04:05.678Z"`)
			if got != want {
				t.Errorf("%s\nprints %s\nthe manual has %s", command, got, want)
			}
		}
	}
	if commands < 10 {
		t.Errorf("%d commands found, the manual has more", commands)
	}
}

// The scripts of the manual work in a browser.
func TestManualScripts(t *testing.T) {
	browser := need.Chromium(t)
	shown := make(chan string, 100)
	page := `<!doctype html><script>const show = (...list) => fetch("/show", {method: "POST", body: list.join(" ")});</script>`
	scripts := regexp.MustCompile("(?ms)^<!-- run -->\n```js\n(.*?)^```$").FindAllStringSubmatch(manual(t), -1)
	for _, script := range scripts {
		page += "<script type=module>" + script[1] + "</script>\n"
	}
	same(t, "scripts", len(scripts), 3)
	w := newWorldOn(t, hub.Options{}, raw.Options{}, func(s *http.Server) {
		topics := s.Handler
		mux := http.NewServeMux()
		mux.Handle("/t/", topics)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, strings.ReplaceAll(page, "localhost:8080", r.Host))
		})
		mux.HandleFunc("POST /show", func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			shown <- string(text)
		})
		s.Handler = mux
	})
	dir := t.TempDir()
	cmd := exec.CommandContext(w.ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+dir,
		"--remote-debugging-port=0", w.server.URL+"/")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}()
	w.until("the event stream", func() bool {
		return len(w.hub.Sessions(broker.Target{Topic: "events"}, 2)) == 1
	})
	first := w.publish("events", "one")
	w.put(&broker.Message{Topic: "events", Event: "weather", Kind: broker.JSON, Body: []byte(`{"temperature":21.5}`)})
	w.put(&broker.Message{Topic: "events", Kind: broker.Bytes, Body: []byte{0xff}})
	last := w.publish("events", "one\n\ntwo")
	// The browser comes back by itself, and resumes.
	if err := w.hub.Disconnect(w.ctx, broker.Target{Topic: "events"}, hub.Reason{After: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	after := w.publish("events", "after")
	want := []string{
		"socket hello", "polled hello", "event one " + first.String(), "weather 21.5", "envelope bytes",
		"event one\n\ntwo " + last.String(), "event after " + after.String(),
	}
	var got []string
	for range want {
		select {
		case text := <-shown:
			got = append(got, text)
		case <-w.ctx.Done():
			t.Fatalf("the page shows only %q", got)
		}
	}
	slices.Sort(want) // they are shown by requests, that may overtake each other
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}
}
