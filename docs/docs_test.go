// Package docs holds no code, only tests: that the programs printed in the documentation compile, and that what it
// names of our packages exists.
package docs

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/need"
)

const module = "github.com/parley-ws/parley"

// pages are the documents, by their name from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range append(names, filepath.Join("..", "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

var block = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// programs returns the whole Go files of a page that need nothing but the standard library and ours; those of other
// libraries are there for comparison.
func programs(page string) []string {
	var list []string
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		f, err := parser.ParseFile(token.NewFileSet(), "", m[1], parser.ImportsOnly)
		if err != nil {
			continue // a part of a program
		}
		foreign := slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool {
			path, err := strconv.Unquote(s.Path.Value)
			return err != nil || strings.Contains(path, ".") && !strings.HasPrefix(path, module+"/")
		})
		if !foreign {
			list = append(list, m[1])
		}
	}
	return list
}

// Each program is a command of a module of its own, as it is for a reader.
func TestProgramsCompile(t *testing.T) {
	dir := t.TempDir()
	count := 0
	for name, text := range pages(t) {
		for i, program := range programs(text) {
			if tidy, err := format.Source([]byte(program)); err != nil || string(tidy) != program {
				t.Errorf("%s: program %d is not formatted as gofmt does it (%v)", name, i+1, err)
			}
			folder := filepath.Join(dir, fmt.Sprintf("%s-%d", strings.TrimSuffix(filepath.Base(name), ".md"), i+1))
			if err := os.Mkdir(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o666); err != nil {
				t.Fatal(err)
			}
			count++
		}
	}
	if count < 5 {
		t.Fatalf("found %d programs: README.md and migrating.md have more", count)
	}

	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// The versions are ours, so that nothing needs to be fetched.
	mod = bytes.Replace(mod, []byte("module "+module), []byte("module reader"), 1)
	mod = fmt.Appendf(mod, "\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, strconv.Quote(root))
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o666); err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o666); err != nil {
		t.Fatal(err)
	}
	vet := exec.CommandContext(t.Context(), need.Command(t, "go", "install Go"), "vet", "-mod=mod", "./...")
	vet.Dir = dir
	vet.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("a program does not compile: %v\n%s", err, out)
	}
}

// What a page names as ws.X or wsjson.X is there.
func TestNamesExist(t *testing.T) {
	for _, pkg := range []string{"ws", "wsjson"} {
		folder := filepath.Join("..", "ws")
		if pkg != "ws" {
			folder = filepath.Join(folder, pkg)
		}
		exported := names(t, folder)
		named := 0
		for name, text := range pages(t) {
			for _, m := range regexp.MustCompile(`\b`+pkg+`\.([A-Z]\w*)`).FindAllStringSubmatch(text, -1) {
				named++
				if !exported[m[1]] {
					t.Errorf("%s names %s, which does not exist", name, m[0])
				}
			}
		}
		if named == 0 {
			t.Errorf("no page names anything of %s", pkg)
		}
	}
}

// names are the functions, types, constants and variables of the package in folder.
func names(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					found[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						found[s.Name.Name] = true
					case *ast.ValueSpec:
						for _, id := range s.Names {
							found[id.Name] = true
						}
					}
				}
			}
		}
	}
	return found
}
