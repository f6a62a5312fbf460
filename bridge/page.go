package bridge

import (
	"bytes"
	"context"
	"errors"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/parley-ws/parley/console"
	"github.com/parley-ws/parley/ws"
)

// clockPath is where the console finds the clock that it shows.
const clockPath = "/clock"

// page is the console, shown at every URL with that URL as its endpoint.
type page struct {
	files  *http.ServeMux // what the page loads
	header http.Header
	text   string
}

// newPage takes the console's page and puts a mark where endpoints are named.
func newPage() (*page, error) {
	p := &page{files: http.NewServeMux()}
	console.Mount(p.files)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/console", nil)
	if err != nil {
		return nil, err
	}
	answer := &recorder{header: http.Header{}}
	p.files.ServeHTTP(answer, r)
	p.header, p.text = answer.header, answer.body.String()
	for _, name := range []string{"Etag", "Content-Length", "Accept-Ranges"} {
		p.header.Del(name)
	}
	found := false
	for _, change := range changes {
		next := change.old.ReplaceAllString(p.text, change.new)
		found = found || next != p.text && change.needed
		p.text = next
	}
	if !found {
		return nil, errors.New("bridge: the console: its page has no list of endpoints")
	}
	return p, nil
}

// mark stands for the URL of the endpoint.
const mark = "\x00"

// changes makes the page of a server with an echo one of a server with commands.
var changes = []struct {
	old    *regexp.Regexp
	new    string
	needed bool
}{
	{regexp.MustCompile(`(?s)<option value="/echo">.*?</option>\s*<option value="/clock">.*?</option>`), `<option value="` + mark + `">` + mark + `</option>`, true},
	{regexp.MustCompile(`(127\.0\.0\.1:8080)/(?:echo|clock)`), "${1}" + mark, false},
	{regexp.MustCompile(`<nav[^>]*>.*?</nav>`), "", false},
	{regexp.MustCompile(`<option value="echo">`), "", false},
	{regexp.MustCompile(`<code>/echo</code> sends .* <code>echo</code>\.`), "Separated by commas.", false},
	{regexp.MustCompile(`.*/healthz.*\n`), "", false},
	{regexp.MustCompile(`, the most /echo takes`), "", false},
	{regexp.MustCompile(`<code>/echo</code> and <code>/clock</code>`), "this server", false},
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/assets/") || strings.HasPrefix(r.URL.Path, "/favicon.") {
		p.files.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed: this is a page, ask for it with GET", http.StatusMethodNotAllowed)
		return
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	endpoint := html.EscapeString(r.URL.RequestURI())
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.ReplaceAll(p.text, mark, endpoint)))
}

// serveClock sends the time each second.
func (p *page) serveClock(w http.ResponseWriter, r *http.Request, group *ws.Group) {
	c, err := ws.Accept(w, r, &ws.AcceptOptions{Group: group})
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := c.CloseRead(c.Context())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for now := time.Now(); ; {
		if c.Write(ctx, ws.Text, []byte(now.UTC().Format(time.RFC3339))) != nil {
			return
		}
		select {
		case now = <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(int)             {}
