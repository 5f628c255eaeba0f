package app

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

type listed struct {
	array domain.ArrayName
	name  string
}

// inMemory is a lister over entries held in memory; it keeps those whose name
// does not end in x.
func inMemory(entries []listed) lister[listed] {
	return lister[listed]{
		page: func(_ context.Context, a Array, p ports.Page) ([]listed, error) {
			var page []listed
			for _, e := range entries {
				if e.array == a.Name && e.name > p.After && (p.Most == 0 || len(page) < p.Most) {
					page = append(page, e)
				}
			}
			return page, nil
		},
		key:  func(e listed) (domain.ArrayName, string) { return e.array, e.name },
		keep: func(e listed) bool { return e.name[len(e.name)-1] != 'x' },
	}
}

func TestPagesAddUpToTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arrays []Array
		var entries, want []listed
		for i := range rapid.IntRange(1, 3).Draw(t, "arrays") {
			name := domain.ArrayName(fmt.Sprintf("array-%d", i))
			arrays = append(arrays, Array{Name: name})
			names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,2}`), 0, 12, rapid.ID).Draw(t, "names")
			slices.Sort(names)
			for _, n := range names {
				entries = append(entries, listed{name, n})
				if n[len(n)-1] != 'x' {
					want = append(want, listed{name, n})
				}
			}
		}
		most := rapid.IntRange(0, 5).Draw(t, "most")
		least := rapid.IntRange(0, 4).Draw(t, "least")
		var got []listed
		token := ""
		for {
			l := inMemory(entries)
			l.least = least
			page, next, err := l.list(context.Background(), arrays, token, most)
			if err != nil || most > 0 && len(page) > most {
				t.Fatalf("page of %d after %q: %v, %v", most, token, page, err)
			}
			got = append(got, page...)
			if next == "" {
				break
			}
			if token == next || len(page) == 0 {
				t.Fatalf("no progress after %q", token)
			}
			token = next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestForeignTokenIsAConflict(t *testing.T) {
	arrays := []Array{{Name: "rds1"}}
	for _, token := range []string{"rds1", "rds2:a", ":", "17"} {
		if _, _, err := inMemory(nil).list(t.Context(), arrays, token, 0); !domain.Is(err, domain.Conflict) {
			t.Errorf("token %q: %v, want conflict", token, err)
		}
	}
}
