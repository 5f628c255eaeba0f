package app

import (
	"context"
	"errors"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// List returns at most most volumes (0: all) and the token of the next page.
func (c *Controller) List(ctx context.Context, token string, most int) ([]domain.Volume, string, error) {
	l := lister[domain.Volume]{
		page: func(ctx context.Context, a Array, p ports.Page) ([]domain.Volume, error) {
			return a.Volumes.List(ctx, p)
		},
		key:  func(v domain.Volume) (domain.ArrayName, string) { return v.ID.Array, string(v.ID.Slot) },
		keep: func(domain.Volume) bool { return true },
	}
	return l.list(ctx, c.arrays.All(), token, most)
}

// Capacity returns what can still be made on the arrays that answer; Unreachable
// if none of those asked does.
func (c *Controller) Capacity(ctx context.Context, q CapacityQuery) (Capacity, error) {
	arrays := c.arrays.All()
	if q.Parameters.Array != "" {
		a, err := c.arrays.Get(q.Parameters.Array)
		if err != nil {
			return Capacity{}, err
		}
		arrays = []Array{a}
	}
	if len(q.Reachable) > 0 {
		arrays = slices.DeleteFunc(slices.Clone(arrays), func(a Array) bool { return !a.serves(q.Reachable) })
	}
	type answer struct {
		pools []domain.Pool
		err   error
	}
	answers, _ := each(ctx, arrays, func(ctx context.Context, a Array) (answer, error) {
		pools, err := a.Pools.List(ctx)
		return answer{pools, err}, nil
	})
	total := Capacity{Least: q.Access.Least()}
	var errs []error
	for i, got := range answers {
		if got.err != nil {
			errs = append(errs, domain.Fail(domain.KindOf(got.err), "capacity", "", "array %s: %w", arrays[i].Name, got.err))
			continue
		}
		total.add(arrays[i].Room, got.pools, q.Parameters.Pool)
	}
	if len(errs) > 0 && len(errs) == len(arrays) {
		return Capacity{}, errors.Join(errs...)
	}
	return total, nil
}

// add counts the pools' room, in the steps in which volumes are made.
func (c *Capacity) add(room domain.Room, pools []domain.Pool, named string) {
	for _, p := range pools {
		if _, healthy := p.Healthy(); !healthy || named != "" && p.Name != named {
			continue
		}
		left := room.Left(p) / domain.MiB * domain.MiB
		c.Available += left
		c.Largest = max(c.Largest, left)
	}
}

// Health returns what is wrong with the volume as its array sees it.
func (c *Controller) Health(ctx context.Context, id domain.VolumeID) ([]domain.Condition, error) {
	v, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	array, err := c.arrays.Get(id.Array)
	if err != nil {
		return nil, err
	}
	pools, err := c.look(ctx, array)
	if err != nil {
		return nil, err
	}
	return c.conditions(v, array, pools), nil
}

// ListHealth returns at most most volumes (0: all) with something wrong, and the
// token of the next page.
func (c *Controller) ListHealth(ctx context.Context, token string, most int) ([]VolumeHealth, string, error) {
	l := lister[VolumeHealth]{
		page:  c.healthPage,
		key:   func(h VolumeHealth) (domain.ArrayName, string) { return h.ID.Array, string(h.ID.Slot) },
		keep:  func(h VolumeHealth) bool { return len(h.Conditions) > 0 },
		least: leastRead,
	}
	return l.list(ctx, c.arrays.All(), token, most)
}

func (c *Controller) healthPage(ctx context.Context, a Array, p ports.Page) ([]VolumeHealth, error) {
	volumes, err := a.Volumes.List(ctx, p)
	if err != nil {
		return nil, err
	}
	pools, err := c.look(ctx, a)
	if err != nil {
		return nil, err
	}
	page := make([]VolumeHealth, len(volumes))
	for i, v := range volumes {
		page[i] = VolumeHealth{ID: v.ID, Conditions: c.conditions(v, a, pools)}
	}
	return page, nil
}

func (c *Controller) conditions(v domain.Volume, a Array, pools []domain.Pool) []domain.Condition {
	i := slices.IndexFunc(pools, func(p domain.Pool) bool { return p.Name == v.Record.Pool })
	if i < 0 {
		return v.Conditions(domain.Pool{}, false, c.settings.Prefix, a.Fencing)
	}
	return v.Conditions(pools[i], true, c.settings.Prefix, a.Fencing)
}
