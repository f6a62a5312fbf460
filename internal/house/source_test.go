package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the repository's root, seen from this folder, where its tests run.
const root = "../.."

// module is the path of the main module; importPath adds folders to it.
const module = "github.com/parley-ws/parley"

// source is one parsed Go file, whatever system or build tag it is for.
type source struct {
	path  string // from the repository's root, with slashes
	file  *ast.File
	lines int
}

// dir is the folder of the file, "." for the root.
func (s source) dir() string { return path.Dir(s.path) }

// test reports whether only tests compile the file.
func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// imports are the paths that the file imports.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // the parser has accepted it
		}
		paths = append(paths, p)
	}
	return paths
}

// ours returns the folder of an imported package of this repository.
func ours(imported string) (dir string, ok bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// fset holds the positions of every parsed file.
var fset = token.NewFileSet()

// parseAll parses all Go files of the repository once.
var parseAll = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			hidden := name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
			if hidden || base == "testdata" || base == "node_modules" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		file, err := parser.ParseFile(fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path: rel, file: file, lines: bytes.Count(text, []byte("\n"))})
		return nil
	})
	return all, err
})

// sources returns all Go files of the repository's modules, tests included.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseAll()
	if err != nil {
		t.Fatalf("reading the repository's Go files: %v", err)
	}
	return all
}

// inModule reports whether a folder belongs to the main module, not to one of
// the modules that stand apart.
func inModule(dir string) bool {
	for _, apart := range []string{"bench", "tools"} {
		if dir == apart || strings.HasPrefix(dir, apart+"/") {
			return false
		}
	}
	return true
}

func TestSourcesAreFound(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		found[s.path] = true
	}
	for _, want := range []string{"internal/house/doc.go", "internal/house/source_test.go", "bench/main.go"} {
		if !found[want] {
			t.Errorf("%s is not among the %d files found: the rules would check nothing", want, len(found))
		}
	}
}
