package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// An Array is one configured RDS.
type Array struct {
	Name      domain.ArrayName
	Volumes   ports.Volumes
	Snapshots ports.Snapshots
	Pools     ports.Pools
	Portals   []domain.Portal
	Fencing   domain.Fencing
	Room      domain.Room
	Topology  map[string]string // segments from which it can be reached; empty: from everywhere
}

// serves reports whether a node in the segments can reach the array.
func (a Array) serves(segments map[string]string) bool {
	for key, value := range a.Topology {
		if segments[key] != value {
			return false
		}
	}
	return true
}

// Arrays routes to the configured arrays.
type Arrays struct {
	sorted []Array
}

// NewArrays takes the configured arrays. Two of one name are Invalid.
func NewArrays(list ...Array) (Arrays, error) {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b Array) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Name == sorted[i-1].Name {
			return Arrays{}, domain.Fail(domain.Invalid, "configure", string(sorted[i].Name), "two arrays have that name")
		}
	}
	return Arrays{sorted: sorted}, nil
}

// All returns the arrays by name.
func (a Arrays) All() []Array { return a.sorted }

// Get returns the array of that name. One that is not configured is
// Unreachable: its volumes are somewhere, we only do not know how to ask.
func (a Arrays) Get(name domain.ArrayName) (Array, error) {
	i := slices.IndexFunc(a.sorted, func(x Array) bool { return x.Name == name })
	if i < 0 {
		return Array{}, domain.Fail(domain.Unreachable, "route", string(name),
			"array is not configured here, configured are %s", a.names())
	}
	return a.sorted[i], nil
}

func (a Arrays) names() string {
	var names []string
	for _, x := range a.sorted {
		names = append(names, string(x.Name))
	}
	return strings.Join(names, ", ")
}

// Topology reports whether any array can be reached from some nodes only.
func (a Arrays) Topology() bool {
	return slices.ContainsFunc(a.sorted, func(x Array) bool { return len(x.Topology) > 0 })
}

// Segments returns the topology of the array that has the volume; nil if it can
// be reached from everywhere.
func (a Arrays) Segments(id domain.VolumeID) map[string]string {
	x, err := a.Get(id.Array)
	if err != nil {
		return nil
	}
	return maps.Clone(x.Topology)
}

// each runs do for every array at once and returns what it returned, by array.
// The first error wins; it names the array.
func each[T any](ctx context.Context, list []Array, do func(context.Context, Array) (T, error)) ([]T, error) {
	results := make([]T, len(list))
	errs := make([]error, len(list))
	done := make(chan struct{})
	for i, a := range list {
		go func() {
			defer func() { done <- struct{}{} }()
			results[i], errs[i] = do(ctx, a)
		}()
	}
	for range list {
		<-done
	}
	for i, err := range errs {
		if err != nil {
			return nil, domain.Fail(domain.KindOf(err), "ask", "", "array %s: %w", list[i].Name, err)
		}
	}
	return results, nil
}
