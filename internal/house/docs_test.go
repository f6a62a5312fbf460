package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The rule: every package has a package comment, and every exported function,
// type, method, constant, variable, struct field and interface method has a
// comment, above it or behind it on its line. A comment above one of several
// lines that follow each other without a blank line is for all of them, and so
// is the comment of a const or var group.

// undocumented returns what lacks a comment in the files of one package. A
// package of tests alone needs no more than its package comment.
func undocumented(fset *token.FileSet, dir string, files []*ast.File) []string {
	c := docChecker{fset: fset}
	described := slices.ContainsFunc(files, func(f *ast.File) bool { return f.Doc.Text() != "" })
	switch name := strings.TrimSuffix(files[0].Name.Name, "_test"); {
	case !described:
		c.problems = append(c.problems, fmt.Sprintf("package %s has no package comment: "+
			"say what it is for, what it must not know, and show the shortest useful program", dir))
	case name != "main" && !slices.ContainsFunc(files, func(f *ast.File) bool {
		return strings.HasPrefix(f.Doc.Text(), "Package "+name+" ")
	}):
		c.problems = append(c.problems, fmt.Sprintf("the package comment of %s does not begin with %q", dir, "Package "+name+" "))
	}
	for _, f := range files {
		if strings.HasSuffix(fset.Position(f.Package).Filename, "_test.go") {
			continue
		}
		for _, decl := range f.Decls {
			c.decl(decl)
		}
	}
	return c.problems
}

// docChecker collects what lacks a comment.
type docChecker struct {
	fset     *token.FileSet
	problems []string
}

// missing notes that the thing of that kind at pos has no comment.
func (c *docChecker) missing(pos token.Pos, kind, name string) {
	at := c.fset.Position(pos)
	c.problems = append(c.problems, fmt.Sprintf("%s:%d: %s %s has no comment: "+
		"say what it does, its units and default, who owns it", at.Filename, at.Line, kind, name))
}

func (c *docChecker) decl(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		c.function(d)
	case *ast.GenDecl:
		switch d.Tok {
		case token.TYPE:
			for _, spec := range d.Specs {
				c.typeSpec(d, spec.(*ast.TypeSpec))
			}
		case token.CONST, token.VAR:
			c.values(d)
		}
	}
}

func (c *docChecker) function(d *ast.FuncDecl) {
	if !d.Name.IsExported() || d.Doc.Text() != "" {
		return
	}
	if d.Recv == nil {
		c.missing(d.Pos(), "function", d.Name.Name)
		return
	}
	if receiver := baseName(d.Recv.List[0].Type); ast.IsExported(receiver) {
		c.missing(d.Pos(), "method", receiver+"."+d.Name.Name)
	}
}

// baseName is the name of a receiver's type, without its pointer and type
// parameters.
func baseName(t ast.Expr) string {
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func (c *docChecker) typeSpec(d *ast.GenDecl, s *ast.TypeSpec) {
	if !s.Name.IsExported() {
		return
	}
	if s.Doc.Text() == "" && s.Comment.Text() == "" && (d.Lparen.IsValid() || d.Doc.Text() == "") {
		c.missing(s.Pos(), "type", s.Name.Name)
	}
	c.members(s.Name.Name, s.Type)
}

// members checks the fields or methods that a type written out shows.
func (c *docChecker) members(name string, t ast.Expr) {
	var list *ast.FieldList
	kind := "field"
	switch x := t.(type) {
	case *ast.StructType:
		list = x.Fields
	case *ast.InterfaceType:
		list, kind = x.Methods, "interface method"
	case *ast.StarExpr:
		c.members(name, x.X)
		return
	case *ast.ArrayType:
		c.members(name, x.Elt)
		return
	case *ast.MapType:
		c.members(name, x.Value)
		return
	default:
		return
	}
	var block docBlock
	for _, field := range list.List {
		documented := block.next(c.fset, field, field.Doc, field.Comment)
		for _, n := range field.Names { // none if embedded: the type has its own comment
			if !n.IsExported() {
				continue
			}
			if !documented {
				c.missing(n.Pos(), kind, name+"."+n.Name)
			}
			c.members(name+"."+n.Name, field.Type)
		}
	}
}

func (c *docChecker) values(d *ast.GenDecl) {
	if d.Doc.Text() != "" {
		return
	}
	var block docBlock
	for _, spec := range d.Specs {
		s := spec.(*ast.ValueSpec)
		documented := block.next(c.fset, s, s.Doc, s.Comment)
		for _, n := range s.Names {
			if n.IsExported() && !documented {
				c.missing(n.Pos(), d.Tok.String(), n.Name)
			}
		}
	}
}

// docBlock follows lines that a comment above the first of them covers.
type docBlock struct {
	covered bool
	end     int // the line on which the last member ended
}

// next reports whether the next member has a comment or stands below one that
// covers it.
func (b *docBlock) next(fset *token.FileSet, node ast.Node, doc, trailing *ast.CommentGroup) bool {
	switch start := fset.Position(node.Pos()).Line; {
	case doc.Text() != "":
		b.covered = true
	case start > b.end+1:
		b.covered = false
	}
	b.end = fset.Position(node.End()).Line
	return b.covered || trailing.Text() != ""
}

func TestDocs(t *testing.T) {
	code, tests := map[string][]*ast.File{}, map[string][]*ast.File{}
	for _, s := range sources(t) {
		if s.test() {
			tests[s.dir()] = append(tests[s.dir()], s.file)
		} else {
			code[s.dir()] = append(code[s.dir()], s.file)
		}
	}
	for dir, files := range tests {
		if code[dir] == nil {
			code[dir] = files
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(code)) {
		for _, problem := range undocumented(fset, dir, code[dir]) {
			t.Error(problem)
		}
	}
}

func TestDocsCatch(t *testing.T) {
	const head = "// Package fake is one.\npackage fake\n"
	tests := []struct {
		name, source string
		want         []string // parts of the messages, one for each
	}{
		{"no package comment", "package fake", []string{"package dir has no package comment"}},
		{"a comment apart from the package", "// Package fake is one.\n\npackage fake", []string{"no package comment"}},
		{"another beginning", "// Fake is one.\npackage fake", []string{`begin with "Package fake "`}},
		{"a command", "// Fake does it.\npackage main", nil},
		{"a package of tests", head + "func TestF() {}", nil},
		{"a package of tests without comment", "package fake\nfunc TestF() {}", []string{"package dir has no package comment"}},
		{"a directive is no comment", head + "//go:noinline\nfunc F() {}", []string{"function F"}},

		{"functions", head + "func F() {}\n\n// G does.\nfunc G() {}\n\nfunc h() {}", []string{"fake.go:3: function F"}},
		{"methods", head + "// T is.\ntype T[K any] int\nfunc (t *T[K]) M() {}\nfunc (t T[K]) n() {}\ntype u int\nfunc (u) M() {}",
			[]string{"method T.M"}},
		{"types", head + "type T int\ntype (\n\t// A is.\n\tA int\n\tB int\n\tc int\n)", []string{"type T ", "type B "}},
		{"a type group's comment is not each type's", head + "// All.\ntype (\n\tA int\n)", []string{"type A "}},
		{"values", head + "const C = 1\nvar V, w = 1, 2\n\n// D is.\nconst D = 1\nconst E = 1 // one", []string{"const C", "var V"}},
		{"a group's comment", head + "// All of them.\nconst (\n\tA = 1\n\n\tB = 2\n)", nil},
		{"lines of a group", head + "var (\n\t// A and B are.\n\tA = 1\n\tB = 2\n\n\tC = 3\n\tD = 4 // is\n)", []string{"var C"}},

		{"fields", head + "// T is.\ntype T struct {\n\tA int\n\tB int // is\n\tC int\n\n\t// D and E are.\n\tD int\n\tE int\n\n\tF, g int\n\th int\n\tError\n}",
			[]string{"field T.A", "field T.C", "field T.F"}},
		{"fields in fields", head + "// T is.\ntype T struct {\n\t// A is.\n\tA []struct{ B int }\n\tc struct{ D int }\n}", []string{"field T.A.B"}},
		{"fields of a hidden type", head + "type t struct { A int }", nil},
		{"interface methods", head + "// T is.\ntype T interface {\n\t// A does.\n\tA()\n\n\tB()\n\tError\n}", []string{"interface method T.B"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fset := token.NewFileSet()
			name := "fake.go"
			if strings.HasPrefix(test.name, "a package of tests") {
				name = "fake_test.go"
			}
			file, err := parser.ParseFile(fset, name, test.source, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			got := undocumented(fset, "dir", []*ast.File{file})
			if len(got) != len(test.want) {
				t.Fatalf("got %d messages, want %d:\n%s", len(got), len(test.want), strings.Join(got, "\n"))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q in it", got[i], want)
				}
			}
		})
	}
}
