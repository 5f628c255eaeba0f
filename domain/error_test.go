package domain_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func allKinds() map[domain.Kind]string {
	return map[domain.Kind]string{
		domain.Other: "other", domain.Invalid: "invalid", domain.OutOfRange: "out of range",
		domain.NotFound: "not found", domain.Exists: "exists", domain.InUse: "in use", domain.Busy: "busy",
		domain.Conflict: "conflict", domain.Exhausted: "exhausted", domain.Unsupported: "unsupported",
		domain.DataAtRisk: "data at risk", domain.Unreachable: "unreachable",
	}
}

func TestKindString(t *testing.T) {
	kinds := allKinds()
	for k, want := range kinds {
		if got := k.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := domain.Kind(len(kinds)).String(); got != "other" {
		t.Errorf("got %q for a kind that does not exist, want other", got)
	}
}

func TestErrorText(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"with an object", domain.Fail(domain.InUse, "admit", "pvc-7", "held by %s", "node-b"), "pvc-7: held by node-b"},
		{"without an object", domain.Fail(domain.Invalid, "parse", "", "size is missing"), "size is missing"},
		{"without a cause", &domain.Error{Kind: domain.Busy, ID: "pvc-7"}, "pvc-7: busy"},
		{"without anything", &domain.Error{}, "other"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	inner := domain.Fail(domain.Unreachable, "dial", "", "no route: %w", context.Canceled)
	for _, test := range []struct {
		name string
		err  error
		want domain.Kind
	}{
		{"its own", inner, domain.Unreachable},
		{"wrapped by another package", fmt.Errorf("while asking: %w", inner), domain.Unreachable},
		{"the outermost wins", domain.Fail(domain.Conflict, "grant", "v", "%w", inner), domain.Conflict},
		{"one of several joined", errors.Join(errors.New("x"), inner), domain.Unreachable},
		{"a stranger is other", errors.New("x"), domain.Other},
		{"a context alone is other", context.Canceled, domain.Other},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := domain.KindOf(test.err); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			_, hasKind := errors.AsType[*domain.Error](test.err)
			for k := range allKinds() {
				if got, want := domain.Is(test.err, k), hasKind && k == test.want; got != want {
					t.Errorf("got Is(%v) %t, want %t", k, got, want)
				}
			}
		})
	}
	if !errors.Is(inner, context.Canceled) {
		t.Error("the cause is out of reach of errors.Is")
	}
	for k := range allKinds() {
		if domain.Is(nil, k) {
			t.Errorf("no error is of kind %v", k)
		}
	}
}
