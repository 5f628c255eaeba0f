package sanity

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
)

const (
	root = "../../.."
	page = root + "/docs/reference/conformance.md"
)

// A table maps the first column of a page's table to the second.
type table map[string]string

// readTable returns the rows of the table below a heading of the page.
func readTable(t *testing.T, heading string) table {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut("\n"+string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, body, found := strings.Cut(section, "\n| --- | --- |\n")
	if !found {
		t.Fatalf("%s has no table below %q", page, heading)
	}
	rows := table{}
	for line := range strings.Lines(body) {
		if first, second, ok := strings.Cut(strings.Trim(line, "| \n"), " | "); ok {
			rows[first] = strings.TrimSpace(second)
		}
	}
	return rows
}

// skipped returns the specs that a container of the suite left out by its own
// decision, not because somebody runs a selection.
func skipped(r ginkgo.Report, container string) table {
	rows := table{}
	for _, s := range r.SpecReports {
		if s.LeafNodeType != types.NodeTypeIt || s.ContainerHierarchyTexts[0] != container {
			continue
		}
		if s.State.Is(types.SpecStatePending) || s.State.Is(types.SpecStateSkipped) && s.Failure.Message != "" {
			rows[strings.TrimPrefix(s.FullText(), container+" ")] = s.Failure.Message
		}
	}
	return rows
}

// compare returns how what was skipped differs from what the page says.
func (documented table) compare(skipped table) (wrong []string) {
	for spec, message := range skipped {
		if documented[spec] == "" {
			wrong = append(wrong, fmt.Sprintf("%q was skipped (%s), %s does not say why", spec, message, page))
		}
	}
	for spec := range documented {
		if _, ok := skipped[spec]; !ok {
			wrong = append(wrong, fmt.Sprintf("%q was not skipped, %s says that it is", spec, page))
		}
	}
	return wrong
}

var (
	suiteFunc = regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(t \*testing\.T, open func`)
	suiteCall = regexp.MustCompile(`\bporttest\.([A-Z]\w*)\(t, `)
)

// find returns, by first submatch of the expression, the directories of the
// files below dir that match.
func find(t *testing.T, dir string, re *regexp.Regexp) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range re.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = append(found[m[1]], "`"+filepath.Base(filepath.Dir(path))+"`")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPageSaysWhichSuitesRunOnWhichAdapters(t *testing.T) {
	documented := readTable(t, "Suites of the ports")
	runs := find(t, "adapters", suiteCall)
	for suite := range find(t, "ports/porttest", suiteFunc) {
		want := strings.Join(slices.Compact(slices.Sorted(slices.Values(runs[suite]))), ", ")
		if got := documented["`"+suite+"`"]; got != want || want == "" {
			t.Errorf("suite %s: the page says that it runs on %q, it does on %q", suite, got, want)
		}
		delete(documented, "`"+suite+"`")
	}
	for suite := range maps.Keys(documented) {
		t.Errorf("the page names a suite %s, there is none", suite)
	}
}
