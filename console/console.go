package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

// The types are spelt out because mime.TypeByExtension asks the system's tables, which may lack or change them.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy lets a page load its own files and connect to its own host, and nothing else. 'self' covers ws and wss
// to the same host and port (CSP Level 3, section 6.7.2.8).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Mount registers the pages at "/" and "/console" and the files that they load on mux. Other paths stay free.
func Mount(mux *http.ServeMux) {
	err := fs.WalkDir(files, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		file := newFile(name, content)
		switch target := strings.TrimPrefix(name, "page"); target {
		case "/index.html":
			mux.Handle("/{$}", file)
		case "/console.html":
			mux.Handle("/console", file)
		case "/favicon.svg":
			mux.Handle(target, file)
			mux.Handle("/favicon.ico", file) // browsers ask for it at every address that is no page
		default:
			mux.Handle(target, file)
		}
		return nil
	})
	if err != nil {
		panic("console: embedded files: " + err.Error()) // the embedded files can always be read
	}
}

// file is one file of the pages.
type file struct {
	content []byte
	kind    string // the media type
	tag     string // the entity tag
}

func newFile(name string, content []byte) *file {
	kind, ok := types[path.Ext(name)]
	if !ok {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	sum := sha256.Sum256(content)
	return &file{content: content, kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// ServeHTTP answers GET and HEAD.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed: this is a page, ask for it with GET", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	// A new binary must not meet files of an old one: browsers ask each time, and the tag makes that cheap.
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
