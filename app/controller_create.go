package app

import (
	"context"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Create makes the volume that r asks for, or finds the one that an earlier
// call made. A volume of that name that differs is Exists.
func (c *Controller) Create(ctx context.Context, r Creation) (domain.Volume, error) {
	slot := c.settings.Cluster.Slot(r.Name)
	v, found, err := c.existing(ctx, r, slot)
	if err != nil {
		return domain.Volume{}, err
	}
	if !found {
		return c.make(ctx, r, slot)
	}
	return c.settle(ctx, v, r)
}

// candidates returns the arrays on which the volume may be.
func (c *Controller) candidates(r Creation) ([]Array, error) {
	name := r.Parameters.Array
	if r.Origin.Kind != domain.FromNothing {
		if name != "" && name != r.Source {
			return nil, domain.Fail(domain.Invalid, "create", r.Name,
				"parameter array %q: the source is on array %s and copies stay there", name, r.Source)
		}
		name = r.Source
	}
	if name == "" {
		return c.arrays.All(), nil
	}
	a, err := c.arrays.Get(name)
	return []Array{a}, err
}

// existing looks for the slot on every array that may have it. With a single
// candidate nothing is asked: Volumes.Create finds what is there itself. Any
// silent array makes the answer Unreachable, or a lost reply would make two
// volumes.
func (c *Controller) existing(ctx context.Context, r Creation, slot domain.Slot) (domain.Volume, bool, error) {
	arrays, err := c.candidates(r)
	if err != nil || len(arrays) == 1 {
		return domain.Volume{}, false, err
	}
	return c.search(ctx, arrays, slot)
}

func (c *Controller) search(ctx context.Context, arrays []Array, slot domain.Slot) (domain.Volume, bool, error) {
	results, err := each(ctx, arrays, func(ctx context.Context, a Array) (*domain.Volume, error) {
		v, err := a.Volumes.Find(ctx, domain.VolumeID{Array: a.Name, Slot: slot})
		if domain.Is(err, domain.NotFound) {
			return nil, nil
		}
		return &v, err
	})
	if err != nil {
		return domain.Volume{}, false, err
	}
	if i := slices.IndexFunc(results, func(v *domain.Volume) bool { return v != nil }); i >= 0 {
		return *results[i], true, nil
	}
	return domain.Volume{}, false, nil
}

// make makes a volume that no candidate array was seen to have. Where that can
// not be planned, because the source or the room is gone, the volume may still
// be there from an earlier call: then that is the answer.
func (c *Controller) make(ctx context.Context, r Creation, slot domain.Slot) (domain.Volume, error) {
	a, plan, err := c.plan(ctx, r, slot)
	if err != nil {
		return c.orExisting(ctx, r, slot, err)
	}
	c.unsettled.begin(slot, a.Name)
	v, err := a.Volumes.Create(ctx, plan)
	if err == nil || c.answered(err) {
		c.unsettled.settle(slot)
	}
	if err != nil {
		c.pools.drop(a.Name)
		return domain.Volume{}, err
	}
	c.seen.put(v)
	return v, v.Satisfies(r.VolumeRequest)
}

// answered reports whether an array has said no, so that nothing is under way.
func (c *Controller) answered(err error) bool {
	kind := domain.KindOf(err)
	return kind != domain.Unreachable && kind != domain.Other
}

func (c *Controller) orExisting(ctx context.Context, r Creation, slot domain.Slot, why error) (domain.Volume, error) {
	if domain.Is(why, domain.Unreachable) {
		return domain.Volume{}, why
	}
	arrays, err := c.candidates(r)
	if err != nil {
		return domain.Volume{}, err
	}
	v, found, err := c.search(ctx, arrays, slot)
	switch {
	case err != nil:
		return domain.Volume{}, err
	case !found:
		return domain.Volume{}, why
	}
	return c.settle(ctx, v, r)
}

// settle answers with a volume that is there, completing a copy that an earlier
// call left half-made.
func (c *Controller) settle(ctx context.Context, v domain.Volume, r Creation) (domain.Volume, error) {
	c.seen.put(v)
	if err := v.Satisfies(r.VolumeRequest); err != nil || v.Record.State != domain.Making {
		return v, err
	}
	a, err := c.arrays.Get(v.ID.Array)
	if err != nil {
		return domain.Volume{}, err
	}
	plan := domain.Plan{ID: v.ID, Record: v.Record, Room: a.Room}
	if v, err = a.Volumes.Create(ctx, plan); err != nil {
		return domain.Volume{}, err
	}
	c.seen.put(v)
	return v, v.Satisfies(r.VolumeRequest)
}

// A place is a pool of an array.
type place struct {
	array Array
	pool  domain.Pool
}

// plan chooses where to make the volume and plans it there.
func (c *Controller) plan(ctx context.Context, r Creation, slot domain.Slot) (Array, domain.Plan, error) {
	source, err := c.source(ctx, r)
	if err != nil {
		return Array{}, domain.Plan{}, err
	}
	places, err := c.places(ctx, r, source, slot)
	if err != nil {
		return Array{}, domain.Plan{}, err
	}
	nonce, err := c.settings.nonce()
	if err != nil {
		return Array{}, domain.Plan{}, err
	}
	best := slices.MaxFunc(places, func(a, b place) int {
		return int(min(max(a.array.Room.Left(a.pool)-b.array.Room.Left(b.pool), -1), 1))
	})
	plan, err := domain.NewPlan(c.settings.Cluster, best.array.Name, best.pool, best.array.Room,
		r.VolumeRequest, source, c.settings.Now(), nonce)
	if err == nil {
		err = best.array.Room.Fits(best.pool, plan.Record.Size)
	}
	return best.array, plan, err
}

// source reads what the volume is to be copied from.
func (c *Controller) source(ctx context.Context, r Creation) (domain.Source, error) {
	switch r.Origin.Kind {
	case domain.FromSnapshot:
		s, err := c.GetSnapshot(ctx, domain.SnapshotID{Array: r.Source, Name: r.Origin.Name})
		return s.Copied(), err
	case domain.FromVolume:
		v, err := c.find(ctx, domain.VolumeID{Array: r.Source, Slot: domain.Slot(r.Origin.Name)})
		if err != nil {
			return domain.Source{}, err
		}
		return v.Copied(r.Access)
	default:
		return domain.Source{}, nil
	}
}

// places returns the pools on which the volume could be made. It fails if there
// is none.
func (c *Controller) places(ctx context.Context, r Creation, source domain.Source, slot domain.Slot) ([]place, error) {
	arrays, err := c.candidates(r)
	if err != nil {
		return nil, err
	}
	arrays = slices.DeleteFunc(slices.Clone(arrays), func(a Array) bool { return !a.reachableFrom(r.Reachable) })
	if name, ok := c.unsettled.get(slot); ok {
		arrays = slices.DeleteFunc(arrays, func(a Array) bool { return a.Name != name })
	}
	if len(arrays) == 0 {
		return nil, domain.Fail(domain.Exhausted, "create", r.Name, "accessibility_requirements: no array serves that topology")
	}
	views, err := each(ctx, arrays, c.view)
	if err != nil {
		return nil, err
	}
	var places []place
	var reasons []string
	for i, a := range arrays {
		for _, p := range views[i] {
			if why := unfit(p, r, source); why != "" {
				reasons = append(reasons, string(a.Name)+"/"+p.Name+" "+why)
				continue
			}
			places = append(places, place{a, p})
		}
	}
	if len(places) == 0 {
		return nil, noPlace(r, source, reasons)
	}
	return places, nil
}

// view returns an array's pools, from lately or from now.
func (c *Controller) view(ctx context.Context, a Array) ([]domain.Pool, error) {
	if pools, ok := c.pools.get(a.Name, c.settings.Now()); ok {
		return pools, nil
	}
	pools, err := a.Pools.List(ctx)
	if err == nil {
		c.pools.put(a.Name, pools, c.settings.Now())
	}
	return pools, err
}

const (
	notNamed = "is not the pool asked for"
	noCopies = "can not copy, a Btrfs pool is needed"
)

// unfit says why a volume can not be made on the pool, "" if it can.
func unfit(p domain.Pool, r Creation, source domain.Source) string {
	copied := source.Origin.Kind != domain.FromNothing
	switch reason, healthy := p.Healthy(); {
	case r.Parameters.Pool != "" && p.Name != r.Parameters.Pool, copied && p.Name != source.Pool:
		return notNamed
	case copied && !p.Snapshots:
		return noCopies
	case !healthy:
		return "is " + reason
	default:
		return ""
	}
}

// noPlace is the error for a volume that no pool takes: Unreachable if a pool
// that could is not healthy now, else the request can not be fulfilled.
func noPlace(r Creation, source domain.Source, reasons []string) error {
	sick := slices.ContainsFunc(reasons, func(s string) bool {
		return !strings.HasSuffix(s, notNamed) && !strings.HasSuffix(s, noCopies)
	})
	kind := domain.Invalid
	if sick {
		kind = domain.Unreachable
	}
	what := "parameter pool"
	if source.Origin.Kind != domain.FromNothing {
		what = "volume_content_source"
	}
	return domain.Fail(kind, "create", r.Name, "%s: no pool can take the volume: %s", what, strings.Join(reasons, ", "))
}

// reachableFrom reports whether the array serves at least one of the segments.
func (a Array) reachableFrom(list []map[string]string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, a.serves)
}
