package app

import (
	"context"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A lister pages through all arrays, by array name and then by entry name. Its
// token is "<array>:<name>" of the last entry given out, so that it stays valid
// across restarts and replicas and whatever is deleted meanwhile.
type lister[T any] struct {
	page func(ctx context.Context, a Array, p ports.Page) ([]T, error)
	key  func(T) (domain.ArrayName, string)
	keep func(T) bool
	// least is how many entries are read at a time at least: where few are kept,
	// a page of one must not become an exec for every entry.
	least int
}

// leastRead is for lists of which few entries are kept.
const leastRead = 200

// list returns at most most entries behind token, all if most is zero, and the
// next token, "" at the end. A silent array is Unreachable: a partial list is
// never an answer. A token that is none of ours is a Conflict.
func (l lister[T]) list(ctx context.Context, arrays []Array, token string, most int) (entries []T, next string, err error) {
	from, after, ok := strings.Cut(token, ":")
	if token != "" && (!ok || !slices.ContainsFunc(arrays, func(a Array) bool { return string(a.Name) == from })) {
		return nil, "", domain.Fail(domain.Conflict, "list", "", "starting_token %q is not one that was given out", token)
	}
	for _, a := range arrays {
		if string(a.Name) < from {
			continue
		}
		if string(a.Name) > from {
			after = ""
		}
		found, err := l.listArray(ctx, a, after, most, len(entries))
		if err != nil {
			return nil, "", domain.Fail(domain.KindOf(err), "list", "", "array %s: %w", a.Name, err)
		}
		entries = append(entries, found...)
		if most > 0 && len(entries) > most {
			entries = entries[:most]
			array, name := l.key(entries[most-1])
			return entries, string(array) + ":" + name, nil
		}
	}
	return entries, "", nil
}

// listArray returns entries of one array until, with the have that are there
// already, there is one more than most.
func (l lister[T]) listArray(ctx context.Context, a Array, after string, most, have int) ([]T, error) {
	var kept []T
	for {
		p := ports.Page{After: after}
		if most > 0 {
			p.Most = max(most+1-have-len(kept), l.least)
		}
		page, err := l.page(ctx, a, p)
		if err != nil {
			return nil, err
		}
		for _, entry := range page {
			if l.keep(entry) {
				kept = append(kept, entry)
			}
		}
		if p.Most == 0 || len(page) < p.Most || have+len(kept) > most {
			return kept, nil
		}
		_, after = l.key(page[len(page)-1])
	}
}
