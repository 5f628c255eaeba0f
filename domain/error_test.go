package domain

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func allKinds() map[Kind]string {
	return map[Kind]string{
		Other: "other", Invalid: "invalid", OutOfRange: "out of range",
		NotFound: "not found", Exists: "exists", InUse: "in use", Busy: "busy",
		Conflict: "conflict", Exhausted: "exhausted", Unsupported: "unsupported",
		DataAtRisk: "data at risk", Unreachable: "unreachable",
	}
}

func TestKindString(t *testing.T) {
	kinds := allKinds()
	for k, want := range kinds {
		if got := k.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Kind(len(kinds)).String(); got != "other" {
		t.Errorf("got %q for a kind that does not exist, want other", got)
	}
}

func TestErrorText(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"with an object", Fail(InUse, "admit", "pvc-7", "held by %s", "node-b"), "pvc-7: held by node-b"},
		{"without an object", Fail(Invalid, "parse", "", "size is missing"), "size is missing"},
		{"without a cause", &Error{Kind: Busy, ID: "pvc-7"}, "pvc-7: busy"},
		{"without anything", &Error{}, "other"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	inner := Fail(Unreachable, "dial", "", "no route: %w", context.Canceled)
	for _, test := range []struct {
		name string
		err  error
		want Kind
	}{
		{"its own", inner, Unreachable},
		{"wrapped by another package", fmt.Errorf("while asking: %w", inner), Unreachable},
		{"the outermost wins", Fail(Conflict, "grant", "v", "%w", inner), Conflict},
		{"one of several joined", errors.Join(errors.New("x"), inner), Unreachable},
		{"a stranger is other", errors.New("x"), Other},
		{"a context alone is other", context.Canceled, Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := KindOf(test.err); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			_, hasKind := errors.AsType[*Error](test.err)
			for k := range allKinds() {
				if got, want := Is(test.err, k), hasKind && k == test.want; got != want {
					t.Errorf("got Is(%v) %t, want %t", k, got, want)
				}
			}
		})
	}
	if !errors.Is(inner, context.Canceled) {
		t.Error("the cause is out of reach of errors.Is")
	}
	for k := range allKinds() {
		if Is(nil, k) {
			t.Errorf("no error is of kind %v", k)
		}
	}
}
