package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

const reference = "../../../docs/reference/configuration.md"

func readReference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryFlagIsInTheReference(t *testing.T) {
	doc := readReference(t)
	flags := map[string]bool{}
	var f Flags
	for _, flag := range CLI(&f) {
		name := flag.Names()[0]
		flags[name] = true
		if !strings.Contains(doc, "\n| `--"+name+"` |") {
			t.Errorf("--%s is not in %s", name, reference)
		}
	}
	for row := range strings.SplitSeq(doc, "\n") {
		if name, ok := strings.CutPrefix(row, "| `--"); ok {
			name, _, _ = strings.Cut(name, "`")
			if !flags[name] {
				t.Errorf("%s has --%s, which is no flag", reference, name)
			}
		}
	}
}

func TestEveryKeyOfTheFileIsInTheReference(t *testing.T) {
	doc := readReference(t)
	check := func(prefix string, of reflect.Type) {
		for field := range of.Fields() {
			key := field.Tag.Get("yaml")
			if key != "arrays" && !strings.Contains(doc, fmt.Sprintf("`%s%s`", prefix, key)) {
				t.Errorf("%s%s is not in %s", prefix, key, reference)
			}
		}
	}
	check("", reflect.TypeFor[file]())
	check("arrays[].", reflect.TypeFor[fileArray]())
}
