package reference

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const root = "../../../"

// rows returns the first cells, without backquotes, of the table rows of a page
// that follow the heading line head.
func rows(t *testing.T, page, head string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/reference", page))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), head+"\n|---")
	if !found {
		t.Fatalf("%s has no table %q", page, head)
	}
	var cells []string
	_, table, _ = strings.Cut(table, "\n")
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		first := strings.Split(row, "|")[1]
		for cell := range strings.SplitSeq(first, ",") {
			cells = append(cells, strings.Trim(cell, " `"))
		}
	}
	return cells
}

// same fails the test unless the page names exactly what the code has.
func same(t *testing.T, page string, got, want []string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%s does not name %q", page, w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("%s names %q, which does not exist", page, g)
		}
	}
}

func TestParameters(t *testing.T) {
	same(t, "parameters.md", rows(t, "parameters.md", "| parameter | default | allowed | meaning |"), domain.ParameterKeys())
}

func TestPublishContext(t *testing.T) {
	got := rows(t, "parameters.md", "| key | meaning |")
	context := domain.Attachment{Target: domain.Target{Timings: domain.DefaultTimings()}}.Context()
	want := slices.DeleteFunc(slices.Collect(maps.Keys(context)), func(key string) bool {
		return slices.Contains(domain.TimingKeys(), key)
	})
	same(t, "parameters.md", got, append(want, "the timings above"))
}

func TestRefusals(t *testing.T) {
	var want []string
	for _, r := range domain.Refusals() {
		want = append(want, string(r))
	}
	same(t, "events.md", rows(t, "events.md", "| reason | meaning |"), want)
}

// declarations parses the Go files of a directory, tests left out.
func declarations(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func TestEvents(t *testing.T) {
	var want []string
	for _, file := range declarations(t, "domain") {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "event" && f.Recv != nil {
				want = append(want, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	same(t, "events.md", rows(t, "events.md", "| event | metric | meaning |"), want)
}

// TestHealthReasons takes as reasons the constants Reason… of app, and the
// texts in the second place of calls of add and NewCondition in domain.
func TestHealthReasons(t *testing.T) {
	var want []string
	text := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, s)
		}
	}
	inspect := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "add" || f.Name == "NewCondition") {
				text(n.Args[1])
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(name.Name, "Reason") && i < len(n.Values) {
					text(n.Values[i])
				}
			}
		}
		return true
	}
	for _, file := range append(declarations(t, "domain"), declarations(t, "app")...) {
		ast.Inspect(file, inspect)
	}
	same(t, "health.md", rows(t, "health.md", "| reason | from | status | meaning |"), want)
}
