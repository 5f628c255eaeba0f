package domain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// everything marks a package whose every function is pure.
const everything = "*"

// pure lists the packages that the domain may import and what it may use of
// those that also do input or output or read the clock.
func pure() map[string]string {
	all := map[string]string{
		"fmt":  "Errorf Sprintf Stringer",
		"time": "Time Duration Unix UTC Second Minute Hour",
	}
	for _, name := range strings.Fields(`bytes cmp crypto/sha1 crypto/sha256 encoding/base32 encoding/binary
		encoding/hex errors hash/crc32 iter maps math math/bits net/netip slices sort strconv strings
		unicode unicode/utf8`) {
		all[name] = everything
	}
	return all
}

// impurities returns what makes a file impure: an import that is not allowed, a
// use of an allowed one that is not, or an import under a name that hides uses.
func impurities(file *ast.File) []string {
	var found []string
	restricted := map[string]string{} // local name → what may be used
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		allowed, ok := pure()[name]
		local := path.Base(name)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		switch {
		case !ok:
			found = append(found, "imports "+name)
		case local == "." || local == "_":
			found = append(found, "imports "+name+" as "+local)
		case allowed != everything:
			restricted[local] = allowed
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		allowed, watched := restricted[identName(x)]
		if ok && watched && !strings.Contains(" "+allowed+" ", " "+selector.Sel.Name+" ") {
			found = append(found, "uses "+x.Name+"."+selector.Sel.Name)
		}
		return true
	})
	return found
}

func identName(x *ast.Ident) string {
	if x == nil {
		return ""
	}
	return x.Name
}

func TestDomainIsPure(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files++
		for _, problem := range impurities(file) {
			t.Errorf("%s %s: the domain decides and touches nothing", e.Name(), problem)
		}
	}
	if files < 15 {
		t.Errorf("got %d files, want all of the package: is the test run elsewhere?", files)
	}
}

func TestImpurityIsFound(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"pure", `import ("time"; "fmt"); var _ = fmt.Sprintf("%v", time.Unix(0, 0))`, ""},
		{"input and output", `import "os"`, "imports os"},
		{"a context", `import "context"`, "imports context"},
		{"chance", `import "crypto/rand"`, "imports crypto/rand"},
		{"another module", `import "golang.org/x/sync/errgroup"`, "imports golang.org/x/sync/errgroup"},
		{"a port", `import "git.example/driver/ports"`, "imports git.example/driver/ports"},
		{"cgo", `import "C"`, "imports C"},
		{"the clock", `import "time"; var _ = time.Now()`, "uses time.Now"},
		{"the clock as a value", `import "time"; var now = time.Now`, "uses time.Now"},
		{"the clock by another name", `import clock "time"; var _ = clock.Since`, "uses clock.Since"},
		{"the clock without a name", `import . "time"; var _ = Now()`, "imports time as ."},
		{"a timer", `import "time"; func f() { <-time.After(1) }`, "uses time.After"},
		{"the machine's zone", `import "time"; var _ = time.Local`, "uses time.Local"},
		{"printing", `import "fmt"; func f() { fmt.Println() }`, "uses fmt.Println"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+test.source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(impurities(file), ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
