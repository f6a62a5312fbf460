package console

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func request(t *testing.T, method, target string, header ...string) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	Mount(mux)
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	for _, c := range []struct{ path, kind, contains string }{
		{"/", "text/html; charset=utf-8", "<title>Parley</title>"},
		{"/console", "text/html; charset=utf-8", "<title>Parley: console</title>"},
		{"/assets/page.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{"/assets/main.js", "text/javascript; charset=utf-8", "new Connection"},
		{"/assets/talk.js", "text/javascript; charset=utf-8", "new Client"},
		{"/assets/parley.js", "text/javascript; charset=utf-8", "parley.v1"},
		{"/favicon.svg", "image/svg+xml", "<svg"},
		{"/favicon.ico", "image/svg+xml", "<svg"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res := request(t, method, c.path)
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != c.kind {
				t.Errorf("%s %s: status %d, type %q; want 200, %q", method, c.path, res.StatusCode, res.Header.Get("Content-Type"), c.kind)
			}
			text := body(t, res)
			if has := strings.Contains(text, c.contains); has != (method == "GET") {
				t.Errorf("%s %s: holds %q: %t", method, c.path, c.contains, has)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	res := request(t, "GET", "/")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-cache",
	} {
		if got := res.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if csp := res.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("the policy is not strict: %s", csp)
	}
	tag := res.Header.Get("Etag")
	if again := request(t, "GET", "/", "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("with the tag %s: status %d, want 304", tag, again.StatusCode)
	}
}

func TestRefused(t *testing.T) {
	if res := request(t, "POST", "/"); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /: status %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	for _, target := range []string{"/index.html", "/console.html", "/console/", "/page/index.html", "/assets/", "/assets/none.js", "/nothing"} {
		if res := request(t, "GET", target); res.StatusCode != 404 {
			t.Errorf("GET %s: status %d, want 404", target, res.StatusCode)
		}
	}
}

// TestNothingInlineNorForeign keeps the page within its own policy: a browser would refuse the rest silently.
func TestNothingInlineNorForeign(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)(src|href|action)\s*=\s*"?(https?:)?//|@import|url\(`)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(>|[^>]*>[^<])|javascript:`)
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if m := foreign.Find(content); m != nil {
			t.Errorf("%s loads something from elsewhere: %s", name, m)
		}
		if m := inline.Find(content); strings.HasSuffix(name, ".html") && m != nil {
			t.Errorf("%s holds inline script or style: %s", name, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWired checks that every element that a script or a label asks for exists.
func TestWired(t *testing.T) {
	for page, script := range map[string]string{"index.html": "talk.js", "console.html": "main.js"} {
		t.Run(page, func(t *testing.T) { testWired(t, page, script) })
	}
}

func testWired(t *testing.T, page, script string) {
	text, err := files.ReadFile("page/" + page)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllSubmatch(text, -1) {
		ids[string(m[1])]++
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %q stands %d times in the page", id, n)
		}
	}
	code, err := files.ReadFile("page/assets/" + script)
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\$\("([^"]+)"\)`).FindAllSubmatch(code, -1)
	asked = append(asked, regexp.MustCompile(`(?:\sfor|aria-labelledby|aria-describedby|data-copy|\slist|href)="#?([a-z-]+)"`).FindAllSubmatch(text, -1)...)
	if len(asked) < 20 {
		t.Fatalf("found only %d references", len(asked))
	}
	for _, m := range asked {
		if ids[string(m[1])] == 0 {
			t.Errorf("nothing in the page has the id %q", m[1])
		}
	}
}

// TestImports checks that what the pages and scripts load is there: a browser shows nothing of a page whose module is missing.
func TestImports(t *testing.T) {
	loads := regexp.MustCompile(`(?:from "\./|(?:src|href)="/assets/)([^"]+)"`)
	n := 0
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range loads.FindAllSubmatch(content, -1) {
			n++
			if _, err := files.ReadFile("page/assets/" + string(m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 15 {
		t.Errorf("found only %d loads", n)
	}
}
