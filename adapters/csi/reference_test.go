package csi

import (
	"os"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// TestErrorsAreInTheReference compares the page's table of kinds and codes with
// what codeOfKind does.
func TestErrorsAreInTheReference(t *testing.T) {
	const page = "../../docs/reference/errors.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for kind := domain.Other; kind == domain.Other || kind.String() != domain.Other.String(); kind++ {
		kinds++
		row := "| " + kind.String() + " | " + codeOfKind(kind).String() + " |"
		if !strings.Contains(string(text), "\n"+row) {
			t.Errorf("%s does not say %q", page, row)
		}
	}
	if rows := strings.Count(string(text), "\n| "); rows != kinds+2 { // the heading and the caller's deadline
		t.Errorf("%s has %d rows, there are %d kinds", page, rows-2, kinds)
	}
}
